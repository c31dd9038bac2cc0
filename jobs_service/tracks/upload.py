"""The caption file of a request: its body as it is, or the field `file` of a form."""

from collections.abc import AsyncGenerator
from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from shared.errors import FieldError, Invalid, Malformed
from shared.http.binding import read_body

MAX_FILE_BYTES: Final = 4 * 1024 * 1024
_FORM_OVERHEAD: Final = 8 * 1024
FILE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "description": f"SubRip, WebVTT or TTML of up to {MAX_FILE_BYTES} bytes, judged by its "
            "content. The body may also be the file itself, of whatever type it calls itself.",
        }
    },
}


class FormBroken(Malformed):
    """The form does not follow RFC 7578, or ends too early."""

    code, title = "form_broken", "The form cannot be read"


async def sent_file(request: Request) -> bytes:
    """The bytes of the file; raises TooLarge, FormBroken, or Invalid when there is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await read_body(request, MAX_FILE_BYTES + _FORM_OVERHEAD)
    file = await _of_form(request, body) if kind == "multipart/form-data" else body
    if not file:
        raise Invalid(errors=(FieldError("file", "is empty; send SubRip, WebVTT or TTML"),))
    return file


async def _of_form(request: Request, body: bytes) -> bytes:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(
        request.headers, stream(), max_files=1, max_fields=5, max_part_size=_FORM_OVERHEAD
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeError) as error:
        nothing = (
            "it has no boundary" if isinstance(error, KeyError) else "its charset reads nothing"
        )
        reason = getattr(error, "message", nothing)
        raise FormBroken(f"The form cannot be read: {reason}.") from None
    try:
        found = form.get("file")
        if not isinstance(found, UploadFile):
            raise Invalid(errors=(FieldError("file", "is missing; send the captions in it"),))
        return await found.read()
    finally:
        await form.close()
