"""An upload as `multipart/form-data` (RFC 7578), parsed as it arrives: nothing is collected.

`title` may come before or after `file`, so it is known only after the file's last byte.
"""

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Mapping
from pathlib import PurePosixPath

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from shared.errors import FieldError, Invalid, Malformed, TooLarge, UnsupportedType

STALL_SECONDS = 60.0
MAX_TITLE = 200
_MAX_FIELD_BYTES = 4096
_MAX_FILENAME = 255
_MAX_PARTS = 20


class FormExpected(UnsupportedType):
    """The request is not `multipart/form-data`."""

    code, title = "form_expected", "Send the video as multipart/form-data"


class FormBroken(Malformed):
    """The form does not follow RFC 7578, or ends too early."""

    code, title = "form_broken", "The form cannot be read"


class UploadStalled(Malformed):
    """No byte came for a minute (RFC 9110, 15.5.9)."""

    status, code, title = 408, "upload_stalled", "The upload has stopped"


class FormTooLarge(TooLarge):
    """A field beside the file is too large, or there are too many."""

    code, title = "form_too_large", "The form is too large"


class UploadForm:
    """The fields `file` and `title` of one request, whose `body` is read once."""

    def __init__(self, content_type: str, body: AsyncIterator[bytes]) -> None:
        self.filename = ""
        self.title = ""
        self._body = body
        self._parts = _Parts(_boundary(content_type))

    async def blocks(self) -> AsyncIterator[bytes]:
        """The bytes of `file`, as they arrive.

        Raises `FormBroken`, `FormTooLarge`, `UploadStalled`, or `Invalid` when the form does not
        hold exactly one file in the field `file`.
        """
        parts = self._parts
        while chunk := await self._next():
            parts.feed(chunk)
            self.filename = parts.filename
            for block in parts.taken():
                yield block
        parts.finish()
        self.title = _title(bytes(parts.title))

    async def _next(self) -> bytes:
        """The next piece of the body that is not empty; empty at its end."""
        try:
            async with asyncio.timeout(STALL_SECONDS) as limit:
                async for chunk in self._body:
                    if chunk:
                        return chunk
        except TimeoutError:
            if limit.expired():
                raise UploadStalled(f"No byte came for {STALL_SECONDS:g} seconds.") from None
            raise
        return b""


class _Parts:
    """Takes the body in pieces of any size; gives back the pieces of the file."""

    def __init__(self, boundary: bytes) -> None:
        self.filename = ""
        self.title = bytearray()
        self._blocks: list[bytes] = []
        self._files = 0
        self._count = 0
        self._ended = False
        self._field = ""
        self._size = 0
        self._header_name = b""
        self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._name,
                "on_header_value": self._value,
                "on_header_end": self._header,
                "on_headers_finished": self._open,
                "on_part_data": self._data,
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise FormBroken(f"The form cannot be read: {error}.") from error

    def taken(self) -> list[bytes]:
        blocks, self._blocks = self._blocks, []
        return blocks

    def finish(self) -> None:
        if not self._ended:
            raise FormBroken("The form ends before its closing boundary.")
        if not self._files:
            raise Invalid(errors=(FieldError("file", "is missing; send the video in it"),))

    def _begin(self) -> None:
        self._count += 1
        if self._count > _MAX_PARTS:
            raise FormTooLarge(f"The form may have {_MAX_PARTS} fields at most.")
        self._headers, self._size = {}, 0

    def _name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _open(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"").decode("latin-1")
        kind, options = parse_options_header(disposition)
        if kind != b"form-data" or b"name" not in options:
            raise FormBroken('Each part needs "Content-Disposition: form-data; name=…".')
        self._field = options[b"name"].decode(errors="replace")
        if self._field == "file":
            self._open_file(options)
        elif b"filename" in options:
            raise Invalid(errors=(FieldError(self._field, "takes no file; send it as 'file'"),))

    def _open_file(self, options: Mapping[bytes, bytes]) -> None:
        if b"filename" not in options:
            raise Invalid(errors=(FieldError("file", "must be a file, with a filename"),))
        self._files += 1
        if self._files > 1:
            raise Invalid(errors=(FieldError("file", "came twice; send one file a request"),))
        self.filename = _filename(options[b"filename"])

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._field == "file":
            self._blocks.append(data[start:end])
            return
        self._size += end - start
        if self._size > _MAX_FIELD_BYTES:
            raise FormTooLarge(f"{self._field!r} may have {_MAX_FIELD_BYTES} bytes at most.")
        if self._field == "title":
            self.title += data[start:end]

    def _end(self) -> None:
        self._ended = True


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= 70:
        raise FormExpected(
            "Send multipart/form-data with a boundary (RFC 7578) and the video in the field "
            f"'file'; this request is {content_type or 'without a type'!r}."
        )
    return boundary


def _filename(given: bytes) -> str:
    """The name alone: no path, no control characters, 255 characters at most, never empty."""
    text = given.decode(errors="replace").replace("%22", '"').replace("\\", "/")
    return _clean(PurePosixPath(text).name).strip()[-_MAX_FILENAME:] or "video"


def _title(given: bytes) -> str:
    try:
        title = _clean(" ".join(given.decode().split()))
    except UnicodeDecodeError:
        raise Invalid(errors=(FieldError("title", "is not valid UTF-8"),)) from None
    if len(title) > MAX_TITLE:
        raise Invalid(errors=(FieldError("title", f"may have {MAX_TITLE} characters at most"),))
    return title


def _clean(text: str) -> str:
    """Without control characters; composed, since macOS sends Korean names in single letters."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(letter for letter in composed if letter.isprintable())
