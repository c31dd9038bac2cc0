"""The form of an upload, in pieces of any size."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content_service.videos import upload_form
from content_service.videos.upload_form import (
    FormBroken,
    FormExpected,
    FormTooLarge,
    UploadForm,
    UploadStalled,
)
from shared.errors import Invalid

TYPE = "multipart/form-data; boundary=----courtyard"


def part(disposition: str, content: bytes, *headers: str) -> bytes:
    lines = [f"Content-Disposition: form-data; {disposition}", *headers, "", ""]
    return b"------courtyard\r\n" + "\r\n".join(lines).encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"------courtyard--\r\n"


def file(content: bytes, name: str = "a.mp4") -> bytes:
    return part(f'name="file"; filename="{name}"', content, "Content-Type: video/mp4")


def title(content: bytes) -> bytes:
    return part('name="title"', content)


async def pieces(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def parse(*chunks: bytes, content_type: str = TYPE) -> tuple[UploadForm, bytes]:
    parsed = UploadForm(content_type, pieces(chunks))
    return parsed, b"".join([block async for block in parsed.blocks()])


def split(body: bytes, places: Iterable[int]) -> list[bytes]:
    ends = [0, *sorted({place % (len(body) + 1) for place in places}), len(body)]
    return [body[a:b] for a, b in itertools.pairwise(ends)]


@given(
    content=st.binary(max_size=300) | st.sampled_from([b"\r\n------courtyar", b"\r\n--\r\n\r\n"]),
    name=st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters='"\\/%;')),
    places=st.lists(st.integers(0, 2000), max_size=40),
    title_first=st.booleans(),
)
def test_any_split_of_the_body_gives_the_same_file_and_title(
    content: bytes, name: str, places: list[int], title_first: bool
) -> None:
    parts = [file(content), title(name.encode())]
    body = form(*(reversed(parts) if title_first else parts))
    parsed, received = asyncio.run(parse(*split(body, places)))
    assert received == content
    assert parsed.filename == "a.mp4"
    assert parsed.title == upload_form.clean_title(name.encode())


async def test_a_body_byte_by_byte_is_understood() -> None:
    body = form(title(b"A title"), file(b"\r\n-" * 50))
    parsed, received = await parse(*(bytes([byte]) for byte in body))
    assert (parsed.title, received) == ("A title", b"\r\n-" * 50)


async def test_the_filename_is_known_with_the_first_block() -> None:
    parsed = UploadForm(TYPE, pieces([form(file(b"content", "holiday.mp4"))]))
    assert await anext(parsed.blocks()) == b"content"
    assert parsed.filename == "holiday.mp4"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\videos\\\\a.mp4", "a.mp4"),
        ("마당 축제.mp4", "마당 축제.mp4"),
        ("마당.mp4", "마당.mp4"),
        ("a\x07b.mp4", "ab.mp4"),
        ("", "video"),
        ("   ", "video"),
        ("x" * 300 + ".mp4", "x" * 251 + ".mp4"),
        ("a%22b.mp4", 'a"b.mp4'),
    ],
)
async def test_a_filename_is_made_harmless(given: str, kept: str) -> None:
    assert (await parse(form(file(b"x", given))))[0].filename == kept


async def test_a_title_is_trimmed_and_freed_of_control_characters() -> None:
    parsed, _ = await parse(form(file(b"x"), title(b"  A \x00 fine\n title ")))
    assert parsed.title == "A  fine title"


async def test_unknown_text_fields_are_passed_over() -> None:
    parsed, received = await parse(form(part('name="csrf"', b"1"), file(b"x")))
    assert (parsed.title, received) == ("", b"x")


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (form(title(b"only a title")), "file", "is missing"),
        (form(file(b"a"), file(b"b")), "file", "came twice"),
        (form(part('name="file"', b"text")), "file", "must be a file"),
        (form(part('name="movie"; filename="a.mp4"', b"x")), "movie", "send it as 'file'"),
        (form(file(b"x"), title(b"\xff")), "title", "not valid UTF-8"),
        (form(file(b"x"), title(b"x" * 201)), "title", "200 characters"),
    ],
)
async def test_a_wrong_field_is_named(body: bytes, field: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        await parse(body)
    (error,) = caught.value.errors
    assert error.field == field
    assert message in error.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form at all",
        file(b"x"),
        form(file(b"x"))[:-6],
        b"------courtyard\r\nContent-Type: text/plain\r\n\r\nx\r\n------courtyard--\r\n",
        b"------courtyard\r\nbroken header\r\n\r\nx\r\n------courtyard--\r\n",
    ],
)
async def test_a_form_that_is_broken_or_ends_early_is_refused(body: bytes) -> None:
    with pytest.raises(FormBroken):
        await parse(body)


@pytest.mark.parametrize(
    "content_type",
    ["", "application/json", "video/mp4", "multipart/form-data", f"{TYPE}{'x' * 70}"],
)
async def test_what_is_no_form_is_refused(content_type: str) -> None:
    with pytest.raises(FormExpected):
        await parse(b"", content_type=content_type)


@pytest.mark.parametrize(
    "body",
    [
        form(title(b"x" * 5000), file(b"x")),
        form(*(part(f'name="f{number}"', b"") for number in range(30)), file(b"x")),
    ],
)
async def test_what_surrounds_the_file_is_bounded(body: bytes) -> None:
    with pytest.raises(FormTooLarge):
        await parse(body)


async def test_a_client_that_stops_sending_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_form, "STALL_SECONDS", 0.01)

    async def stalling() -> AsyncIterator[bytes]:
        yield file(b"x" * 100)
        await asyncio.Event().wait()

    with pytest.raises(UploadStalled):
        async for _ in UploadForm(TYPE, stalling()).blocks():
            pass
