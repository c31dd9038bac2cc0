"""Bodies that come in more than one form: credentials as JSON or as a form."""

from collections.abc import AsyncGenerator

from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request

from auth_service.sessions.schemas import Credentials
from shared.errors import Malformed, UnsupportedType
from shared.http.binding import read_body
from shared.http.decoding import convert_strings, decode_json

_MAX_BYTES = 16 * 1024
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"


async def read_credentials(request: Request) -> Credentials:
    """Credentials from JSON or a form; raises `Malformed`, `TooLarge`, `UnsupportedType` and
    `Invalid`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == _JSON:
        return decode_json(await read_body(request, _MAX_BYTES), Credentials)
    if media_type not in (_FORM, _MULTIPART):
        raise UnsupportedType(f"Send {_JSON} or {_FORM}; this is {media_type or 'neither'!r}.")
    fields = await _read_form(request, media_type)
    return convert_strings(fields, Credentials)


async def _read_form(request: Request, media_type: str) -> dict[str, str]:
    body = await read_body(request, _MAX_BYTES)
    parser: FormParser | MultiPartParser
    if media_type == _FORM:
        parser = FormParser(request.headers, _whole(body))
    else:
        parser = MultiPartParser(request.headers, _whole(body), max_files=0, max_fields=16)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeError) as error:
        raise Malformed("The form cannot be read.") from error
    return {name: value for name, value in form.items() if isinstance(value, str)}


async def _whole(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
    yield b""
