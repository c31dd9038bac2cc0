"""Answers that send a file: whole or one byte range, under the client's conditions.

A HEAD request is told of the whole file: ranges are defined for GET alone (RFC 9110, 14.2).
"""

import re
import unicodedata
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from shared.http.conditions import Validators, is_known, range_of, require_conditions

Disposition = Literal["attachment", "inline"]
"""Whether a browser that is sent to the file saves it or shows it."""

_SHOWN = re.compile(r"(video|audio)/[\w.+-]+|image/(png|jpeg|webp|gif)|application/(ogg|zip)")
_OPAQUE = "application/octet-stream"
_POLICY = "default-src 'none'; media-src 'self'; sandbox allow-same-origin"
"""Nothing in a file is run. What a browser shows a film in is a page of its own making, and without
its origin it would not get the film's bytes (Chromium)."""
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of writing: `exe.4pm` would read `mp4.exe`."""


@dataclass(frozen=True, slots=True)
class ServedFile:
    """A file to send: its size in bytes, a text that names exactly this content, and its bytes.

    `read` gives the bytes from the first number to before the second. A media type that a browser
    might run is not told; `modified` is the time of the last change, where it is known.
    """

    filename: str
    media_type: str
    size: int
    etag: str
    read: Callable[[int, int], AsyncGenerator[bytes, None]]
    modified: datetime | None = None
    disposition: Disposition = "attachment"


async def file_response(request: Request, file: ServedFile) -> Response:
    """Send `file` as `request` asks: 200, 206 or 304; raises `PreconditionFailed` and
    `RangeNotSatisfiable`.

    The first bytes are read before the answer begins, so that a failing store is an error and not
    a broken download.
    """
    present = Validators(f'"{file.etag}"', file.modified)
    headers = _headers(file, present)
    require_conditions(request.headers, present)
    if is_known(request.headers, present):
        return Response(status_code=304, headers=headers)
    media_type = safe_media_type(file.media_type)
    if request.method == "HEAD":
        headers["content-length"] = str(file.size)
        return Response(headers=headers, media_type=media_type)
    part = range_of(request.headers, present, file.size)
    status, start, end = (206, part.start, part.end) if part else (200, 0, file.size)
    if part:
        headers["content-range"] = f"bytes {start}-{end - 1}/{file.size}"
    headers["content-length"] = str(end - start)
    blocks = file.read(start, end)
    first = await anext(blocks, b"")
    return _BlocksResponse(first, blocks, status, headers, media_type)


def safe_media_type(media_type: str) -> str:
    """`media_type` where a browser can only show or save it, and never runs what is in it."""
    return media_type if _SHOWN.fullmatch(media_type) else _OPAQUE


def content_disposition(filename: str, disposition: Disposition) -> str:
    """The name in ASCII and, where that loses something, in UTF-8 (RFC 6266, RFC 8187)."""
    name = "".join("_" if _is_unsafe(one) else one for one in filename).lstrip(".") or "file"
    plain = re.sub(r'[^\x20-\x7e]|["%]', "_", name)
    value = f'{disposition}; filename="{plain}"'
    return value if plain == name else f"{value}; filename*=UTF-8''{quote(name, safe='')}"


def _is_unsafe(character: str) -> bool:
    """Whether it separates folders, cannot be seen, or makes a name look like another one."""
    return (
        character in "/\\"
        or character in _BIDI
        or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
    )


def _headers(file: ServedFile, present: Validators) -> dict[str, str]:
    headers = {
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
        "content-disposition": content_disposition(file.filename, file.disposition),
        "content-security-policy": _POLICY,
        "etag": present.etag,
        "x-content-type-options": "nosniff",
    }
    if present.last_modified:
        headers["last-modified"] = present.last_modified
    return headers


class _BlocksResponse(StreamingResponse):
    """Closes what it reads from, also when the client leaves before the end."""

    def __init__(
        self,
        first: bytes,
        blocks: AsyncGenerator[bytes, None],
        status: int,
        headers: dict[str, str],
        media_type: str,
    ) -> None:
        super().__init__(_joined(first, blocks), status, headers, media_type)
        self._blocks = blocks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._blocks):
            await super().__call__(scope, receive, send)


async def _joined(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    yield first
    async for block in rest:
        yield block
