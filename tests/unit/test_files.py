"""Ranges and conditional requests (RFC 9110, 13 and 14)."""

from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from shared.errors import RangeNotSatisfiable
from shared.http.files import (
    ByteRange,
    ServedFile,
    content_disposition,
    file_response,
    wanted_range,
)

CONTENT = bytes(range(100))
TAG = '"a-digest"'


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


async def get(method: str = "GET", **headers: str) -> httpx.Response:
    async def read(start: int, end: int) -> AsyncIterator[bytes]:
        for at in range(start, end, 7):
            yield CONTENT[at : min(at + 7, end)]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        served = ServedFile("마당.mp4", "video/mp4", len(CONTENT), "a-digest", read)
        response = await file_response(Request(scope, receive), served)
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
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"] == TAG
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_a_range_is_sent_as_partial_content() -> None:
    answer = await get(range="bytes=10-29")
    assert (answer.status_code, answer.content) == (206, CONTENT[10:30])
    assert answer.headers["content-range"] == "bytes 10-29/100"
    assert answer.headers["content-length"] == "20"


async def test_several_ranges_are_answered_with_the_whole_file() -> None:
    answer = await get(range="bytes=0-1,5-6")
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize(
    ("condition", "status"), [(TAG, 206), ('"other"', 200), (f"W/{TAG}", 200), ("a date", 200)]
)
async def test_if_range_asks_for_the_part_only_of_the_same_content(
    condition: str, status: int
) -> None:
    assert (await get(range="bytes=0-9", if_range=condition)).status_code == status


@pytest.mark.parametrize(
    ("condition", "status"),
    [(TAG, 304), (f"W/{TAG}", 304), (f'"x", {TAG}', 304), ("*", 304), ('"x"', 200)],
)
async def test_if_none_match_saves_the_transfer_of_known_content(
    condition: str, status: int
) -> None:
    answer = await get(if_none_match=condition)
    assert answer.status_code == status
    assert answer.content == (b"" if status == 304 else CONTENT)
    assert answer.headers["etag"] == TAG


async def test_head_tells_the_size_and_sends_nothing() -> None:
    answer = await get("HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "100"


async def test_a_store_that_fails_is_an_error_and_not_a_broken_download() -> None:
    async def read(start: int, end: int) -> AsyncIterator[bytes]:
        if end > start:
            raise LookupError
        yield b""

    request = Request({"type": "http", "method": "GET", "headers": []})
    with pytest.raises(LookupError):
        await file_response(request, ServedFile("a", "video/mp4", 1, "x", read))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a.mp4", 'inline; filename="a.mp4"'),
        ("마.mp4", "inline; filename=\"_.mp4\"; filename*=UTF-8''%EB%A7%88.mp4"),
        ('a"b\\c.mp4', "inline; filename=\"a_b_c.mp4\"; filename*=UTF-8''a%22b%5Cc.mp4"),
        ("a\r\nb", "inline; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab"),
    ],
)
def test_a_filename_cannot_break_out_of_its_header(name: str, value: str) -> None:
    assert content_disposition(name) == value
