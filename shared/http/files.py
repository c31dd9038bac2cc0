"""Answers that send a file: whole or one byte range, with conditional requests (RFC 9110, 13, 14).

Several ranges in one request are answered with the whole file, as RFC 9110, 14.2 allows.
"""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from shared.errors import RangeNotSatisfiable

_ONE_RANGE = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from `start` to before `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ServedFile:
    """A file to send: its size in bytes, a text that names exactly this content, and its bytes.

    `read` gives the bytes from the first number to before the second.
    """

    filename: str
    media_type: str
    size: int
    etag: str
    read: Callable[[int, int], AsyncIterator[bytes]]


def wanted_range(header: str, size: int) -> ByteRange | None:
    """The one range that `header` asks of a file of `size` bytes; None means all of it.

    Raises `RangeNotSatisfiable`. What is no byte range, or several, is ignored (RFC 9110, 14.2).
    """
    match = _ONE_RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        raise RangeNotSatisfiable(
            f"The file has {size} bytes; {header!r} asks for none of them.",
            headers={"content-range": f"bytes */{size}"},
        )
    return ByteRange(start, end)


async def file_response(request: Request, file: ServedFile) -> Response:
    """Send `file` as `request` asks: 200, 206 or 304; raises `RangeNotSatisfiable`.

    The first bytes are read before the answer begins, so that a failing store is an error and not
    a broken download.
    """
    headers = _headers(file)
    if _matches(request.headers.get("if-none-match", ""), headers["etag"]):
        return Response(status_code=304, headers=headers)
    part = wanted_range(_range_header(request, headers["etag"]), file.size)
    status, start, end = (206, part.start, part.end) if part else (200, 0, file.size)
    if part:
        headers["content-range"] = f"bytes {start}-{end - 1}/{file.size}"
    headers["content-length"] = str(end - start)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=file.media_type)
    blocks = file.read(start, end)
    first = await anext(blocks, b"")
    return StreamingResponse(
        _joined(first, blocks), status_code=status, headers=headers, media_type=file.media_type
    )


def content_disposition(filename: str) -> str:
    """`inline` with the name in ASCII and, where that loses something, in UTF-8 (RFC 6266)."""
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", filename)
    value = f'inline; filename="{plain}"'
    return value if plain == filename else f"{value}; filename*=UTF-8''{quote(filename, safe='')}"


def _headers(file: ServedFile) -> dict[str, str]:
    return {
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
        "content-disposition": content_disposition(file.filename),
        "content-security-policy": "default-src 'none'; sandbox",
        "etag": f'"{file.etag}"',
        "x-content-type-options": "nosniff",
    }


def _range_header(request: Request, etag: str) -> str:
    """The Range header, unless If-Range names other content (RFC 9110, 13.1.5).

    A date in If-Range never matches, since no Last-Modified is sent; neither does a weak tag.
    """
    condition = request.headers.get("if-range")
    if condition is not None and condition.strip() != etag:
        return ""
    return request.headers.get("range", "")


def _matches(if_none_match: str, etag: str) -> bool:
    """Weak comparison with a list of tags (RFC 9110, 13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for block in rest:
        yield block
