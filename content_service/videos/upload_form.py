"""An upload as `multipart/form-data` (RFC 7578), parsed as it arrives: nothing is collected.

`title` may come before or after `file`, so it is known only after the file's last byte.
"""

import asyncio
import re
import unicodedata
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import PurePosixPath

from python_multipart.multipart import parse_options_header

from shared.errors import FieldError, Invalid, Malformed, TooLarge, UnsupportedType

STALL_SECONDS = 60.0
MAX_TITLE = 200
_MAX_FIELD_BYTES = 4096
_MAX_FILENAME = 255
_MAX_PARTS = 20
_MAX_HEADER_BYTES = 16 * 1024
_MAX_PADDING = 256
_FIELD_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


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
        self.title = clean_title(bytes(parts.title))

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
    """Takes the body in pieces of any size; gives back the pieces of the file.

    What the parts hold is not looked at byte by byte: the boundary is searched for, which costs a
    third of what a parser with callbacks does, and copies nothing but around boundaries.
    """

    def __init__(self, boundary: bytes) -> None:
        self.filename = ""
        self.title = bytearray()
        self._delimiter = b"\r\n--" + boundary  # the line break before it belongs to it
        self._rest = b""  # what cannot be judged before more has come
        self._step = self._first
        self._blocks: list[bytes] = []
        self._files = 0
        self._count = 0
        self._ended = False
        self._field = ""
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        self._rest = self._rest + chunk if self._rest else chunk
        while self._step():
            pass

    def taken(self) -> list[bytes]:
        blocks, self._blocks = self._blocks, []
        return blocks

    def finish(self) -> None:
        if not self._ended:
            raise FormBroken("The form ends before its closing boundary.")
        if not self._files:
            raise Invalid(errors=(FieldError("file", "is missing; send the video in it"),))

    # Each step goes on in `_rest`; False when it needs more

    def _first(self) -> bool:
        """The boundary with which a form begins."""
        self._rest = self._rest.lstrip(b"\r\n")
        wanted = self._delimiter[2:]
        if not self._rest.startswith(wanted[: len(self._rest)]):
            raise FormBroken("The form does not begin with its boundary.")
        if len(self._rest) < len(wanted):
            return False
        return self._go_on(self._boundary_end, len(wanted))

    def _boundary_end(self) -> bool:
        """What follows a boundary: the end, or the headers of the next part in a new line."""
        if self._rest.startswith(b"--"):
            self._ended = True
            return self._go_on(self._after_end, 2)
        if self._rest == b"-":
            return False
        line, found, _ = self._rest.partition(b"\r\n")
        if line.strip(b" \t\r") or len(line) > _MAX_PADDING:
            raise FormBroken("A boundary is followed by something else than a part.")
        if not found:
            return False
        self._count += 1
        if self._count > _MAX_PARTS:
            raise FormTooLarge(f"The form may have {_MAX_PARTS} fields at most.")
        return self._go_on(self._headers, len(line) + 2)

    def _headers(self) -> bool:
        end = self._rest.find(b"\r\n\r\n")
        if end > _MAX_HEADER_BYTES or (end < 0 and len(self._rest) > _MAX_HEADER_BYTES):
            raise FormTooLarge(f"The headers of a part may have {_MAX_HEADER_BYTES} bytes.")
        if end < 0:
            return False
        self._size = 0
        self._open(_disposition(self._rest[:end]))
        return self._go_on(self._content, end + 4)

    def _content(self) -> bool:
        rest, delimiter = self._rest, self._delimiter
        if rest.rfind(delimiter) >= 0:  # from behind it is twice as fast, and seldom there
            at = rest.find(delimiter)
            self._data(rest[:at])
            return self._go_on(self._boundary_end, at + len(delimiter))
        # only from a CR near the end on may a boundary have begun
        begun = rest.find(b"\r", max(0, len(rest) - len(delimiter) + 1))
        self._data(rest if begun < 0 else rest[:begun])
        self._rest = b"" if begun < 0 else rest[begun:]
        return False

    def _after_end(self) -> bool:
        self._rest = b""
        return False

    def _go_on(self, step: Callable[[], bool], after: int) -> bool:
        self._step, self._rest = step, self._rest[after:]
        return True

    def _open(self, disposition: str) -> None:
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
        self.filename = clean_filename(options[b"filename"])

    def _data(self, data: bytes) -> None:
        if self._field == "file":
            if data:
                self._blocks.append(data)
            return
        self._size += len(data)
        if self._size > _MAX_FIELD_BYTES:
            raise FormTooLarge(f"{self._field!r} may have {_MAX_FIELD_BYTES} bytes at most.")
        if self._field == "title":
            self.title += data


def _disposition(headers: bytes) -> str:
    """The Content-Disposition among the headers of a part; empty where there is none."""
    found = ""
    for line in headers.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon or not _FIELD_NAME.fullmatch(name):
            raise FormBroken("The headers of a part cannot be read.")
        if name.lower() == b"content-disposition":
            found = value.strip().decode("latin-1")
    return found


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= 70:
        raise FormExpected(
            "Send multipart/form-data with a boundary (RFC 7578) and the video in the field "
            f"'file'; this request is {content_type or 'without a type'!r}."
        )
    return boundary


def clean_filename(given: bytes) -> str:
    """The name alone: no path, no control characters, 255 characters at most, never empty."""
    text = given.decode(errors="replace").replace("%22", '"').replace("\\", "/")
    return _clean(PurePosixPath(text).name).strip()[-_MAX_FILENAME:] or "video"


def clean_title(given: bytes) -> str:
    """The title without control characters and needless spaces; raises `Invalid`."""
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
