"""Files over HTTP: ranges and conditional requests (RFC 9110, 13 and 14), names and types."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from shared.errors import PreconditionFailed, RangeNotSatisfiable
from shared.http.conditions import ByteRange, wanted_range
from shared.http.files import (
    ServedFile,
    content_disposition,
    file_response,
    safe_media_type,
)

CONTENT = bytes(range(100))
TAG = '"a-digest"'
MODIFIED = datetime(2026, 5, 4, 9, 30, 15, 123456, tzinfo=UTC)
DATE = "Mon, 04 May 2026 09:30:15 GMT"
BEFORE = "Mon, 04 May 2026 09:30:14 GMT"
AFTER = "Mon, 04 May 2026 09:30:16 GMT"


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=10-19", 10, 20),
        ("bytes=99-", 99, 100),
        ("bytes=0-", 0, 100),
        ("bytes=90-5000", 90, 100),
        ("bytes=-1", 99, 100),
        ("bytes=-100", 0, 100),
        ("bytes=-5000", 0, 100),
        ("Bytes= 1-2 ", 1, 3),
        ("bytes=1-2,", 1, 3),
    ],
)
def test_one_range_is_understood(header: str, start: int, end: int) -> None:
    assert wanted_range(header, 100) == ByteRange(start, end)


@pytest.mark.parametrize(
    "header",
    [
        "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=1-2,5-6", "items=0-1",
        "bytes=0x1-2", "bytes=1--2", "bytes=٣-٤", "bytes=" + "9" * 5000 + "-",
    ],
)  # fmt: skip
def test_what_is_not_one_byte_range_means_the_whole_file(header: str) -> None:
    assert wanted_range(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_outside_the_file_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        wanted_range(header, 100)
    assert caught.value.headers == {"content-range": "bytes */100"}


@given(size=st.integers(1, 10**13), first=st.integers(0, 10**14), last=st.integers(0, 10**14))
def test_a_range_never_leaves_the_file(size: int, first: int, last: int) -> None:
    for header in (f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{last}"):
        try:
            found = wanted_range(header, size)
        except RangeNotSatisfiable:
            assert first >= size or last == 0
            continue
        assert found is None or 0 <= found.start < found.end <= size


class Reader:
    """Reads `CONTENT`, and knows whether it has been told that nobody wants more."""

    def __init__(self) -> None:
        self.is_closed = False

    async def __call__(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        try:
            for at in range(start, end, 7):
                yield CONTENT[at : min(at + 7, end)]
        finally:
            self.is_closed = True


def served(
    read: Callable[[int, int], AsyncGenerator[bytes, None]], media_type: str = "video/mp4"
) -> ServedFile:
    return ServedFile("마당.mp4", media_type, len(CONTENT), "a-digest", read, MODIFIED)


async def get(method: str = "GET", media_type: str = "video/mp4", **headers: str) -> httpx.Response:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await file_response(Request(scope, receive), served(Reader(), media_type))
        except PreconditionFailed:
            await send({"type": "http.response.start", "status": 412, "headers": []})
            await send({"type": "http.response.body"})
            return
        await response(scope, receive, send)

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://files") as client:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.request(method, "/", headers=named)


async def test_the_whole_file_is_sent_with_safe_headers() -> None:
    answer = await get()
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-length"] == "100"
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"] == TAG
    assert answer.headers["last-modified"] == DATE
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "media_type",
    ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "text/javascript",
     "application/pdf", "video/mp4; x=\r\ny", ""],
)  # fmt: skip
async def test_a_type_that_a_browser_might_run_is_not_told(media_type: str) -> None:
    answer = await get(media_type=media_type)
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    "media_type", ["video/x-matroska", "audio/mpeg", "image/webp", "application/ogg"]
)
def test_types_that_are_shown_or_played_are_told(media_type: str) -> None:
    assert safe_media_type(media_type) == media_type


async def test_a_range_is_sent_as_partial_content() -> None:
    answer = await get(range="bytes=10-29")
    assert (answer.status_code, answer.content) == (206, CONTENT[10:30])
    assert answer.headers["content-range"] == "bytes 10-29/100"
    assert answer.headers["content-length"] == "20"


async def test_several_ranges_are_answered_with_the_whole_file() -> None:
    answer = await get(range="bytes=0-1,5-6")
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert "content-range" not in answer.headers


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        (TAG, 206), ('"other"', 200), (f"W/{TAG}", 200), ("no date", 200),
        (DATE, 206), (BEFORE, 200), (AFTER, 200),
    ],
)  # fmt: skip
async def test_if_range_asks_for_the_part_only_of_the_same_content(
    condition: str, status: int
) -> None:
    assert (await get(range="bytes=0-9", if_range=condition)).status_code == status


@pytest.mark.parametrize(
    ("condition", "status"),
    [(TAG, 304), (f"W/{TAG}", 304), (f'"x", {TAG}', 304), ("*", 304), ('"x"', 200), ("x", 200)],
)
async def test_if_none_match_saves_the_transfer_of_known_content(
    condition: str, status: int
) -> None:
    answer = await get(if_none_match=condition)
    assert answer.status_code == status
    assert answer.content == (b"" if status == 304 else CONTENT)
    assert answer.headers["etag"] == TAG


@pytest.mark.parametrize(
    ("condition", "status"),
    [(TAG, 200), (f'"x", {TAG}', 200), ("*", 200), (f"W/{TAG}", 412), ('"x"', 412), ("x", 412)],
)
async def test_if_match_refuses_to_send_what_is_not_expected(condition: str, status: int) -> None:
    assert (await get(if_match=condition)).status_code == status
    assert (await get("HEAD", if_match=condition, range="bytes=0-1")).status_code == status


@pytest.mark.parametrize(
    ("date", "since", "unmodified"),
    [(DATE, 304, 200), (AFTER, 304, 200), (BEFORE, 200, 412), ("no date", 200, 200)],
)
async def test_dates_compare_with_the_last_change(date: str, since: int, unmodified: int) -> None:
    assert (await get(if_modified_since=date)).status_code == since
    assert (await get(if_unmodified_since=date)).status_code == unmodified


async def test_tags_go_before_dates() -> None:
    assert (await get(if_none_match='"x"', if_modified_since=AFTER)).status_code == 200
    assert (await get(if_match=TAG, if_unmodified_since=BEFORE)).status_code == 200


async def test_head_tells_the_size_and_sends_nothing() -> None:
    answer = await get("HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "100"


async def test_head_is_told_of_the_whole_file_whatever_range_it_asks_for() -> None:
    answer = await get("HEAD", range="bytes=0-9")
    assert (answer.status_code, answer.headers["content-length"]) == (200, "100")


async def test_a_store_that_fails_is_an_error_and_not_a_broken_download() -> None:
    async def read(start: int, end: int) -> AsyncGenerator[bytes, None]:
        if end > start:
            raise LookupError
        yield b""

    request = Request({"type": "http", "method": "GET", "headers": []})
    with pytest.raises(LookupError):
        await file_response(request, served(read))


async def test_a_client_that_leaves_closes_the_file() -> None:
    reader, pieces = Reader(), 0
    scope: Scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.3"}}

    async def send(message: Message) -> None:
        nonlocal pieces
        pieces += message["type"] == "http.response.body"
        await asyncio.sleep(0)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    response = await file_response(Request(scope), served(reader))
    await response(scope, receive, send)
    assert reader.is_closed
    assert pieces < len(CONTENT) // 7


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a.mp4", 'attachment; filename="a.mp4"'),
        ("마.mp4", "attachment; filename=\"_.mp4\"; filename*=UTF-8''%EB%A7%88.mp4"),
        ('a"b.mp4', "attachment; filename=\"a_b.mp4\"; filename*=UTF-8''a%22b.mp4"),
        ("100%.mp4", "attachment; filename=\"100_.mp4\"; filename*=UTF-8''100%25.mp4"),
        ("a\r\nb", 'attachment; filename="a__b"'),
        ("../../etc/a.mp4", 'attachment; filename="_.._etc_a.mp4"'),
        ("c:\\a.mp4", 'attachment; filename="c:_a.mp4"'),
        (".bashrc", 'attachment; filename="bashrc"'),
        ("4pm.\u202eexe", 'attachment; filename="4pm._exe"'),
        ("\ud800.mp4", 'attachment; filename="_.mp4"'),
        ("", 'attachment; filename="file"'),
    ],
)
def test_a_filename_cannot_break_out_of_its_header_or_its_folder(name: str, value: str) -> None:
    assert content_disposition(name, "attachment") == value


def test_a_file_may_be_shown_where_that_is_asked_for() -> None:
    assert content_disposition("a.mp4", "inline") == 'inline; filename="a.mp4"'
