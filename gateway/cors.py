"""Cross-origin requests, as Starlette's CORSMiddleware answers them, for exact origins only.

Two things differ, both for the sake of an origin that is not listed: it gets no CORS header at
all, and a refused preflight is a problem like every other error.
"""

from collections.abc import Iterable

from starlette.responses import PlainTextResponse, Response

from gateway.headers import Fields, HeaderBlock, HeaderList
from gateway.routes import METHODS
from shared.errors import Malformed

_EXPOSED = (
    "Accept-Ranges, Content-Disposition, Content-Location, Content-Range, Deprecation, ETag, Link, "
    "Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, Sunset, "
    "Tus-Checksum-Algorithm, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, "
    "Upload-Defer-Length, Upload-Expires, Upload-Length, Upload-Metadata, Upload-Offset, "
    "X-Request-ID"
)
_MAX_AGE_SECONDS = 600
_VARY = HeaderBlock([(b"vary", b"Origin")])


class CorsRefused(Malformed):
    """A preflight asked for something that is not allowed."""

    code, title = "cors_refused", "This cross-origin request is not allowed"


class Cors:
    """The answers for a fixed set of origins, made once."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._allowed = {origin.encode(): HeaderBlock(_headers_for(origin)) for origin in origins}

    def headers_for(self, origin: bytes | None) -> HeaderBlock:
        """What to add to every answer to a request from `origin`."""
        return _VARY if origin is None else self._allowed.get(origin, _VARY)

    def preflight(self, fields: Fields) -> Response | None:
        """The answer to an OPTIONS request, or None when it is no preflight.

        Raises `CorsRefused`.
        """
        origin = fields.get(b"origin")
        method = fields.get(b"access-control-request-method")
        if origin is None or method is None:
            return None
        refused = []
        if origin not in self._allowed:
            refused.append("origin")
        if method.decode("latin-1") not in METHODS:
            refused.append("method")
        if refused:
            raise CorsRefused(f"Disallowed CORS {', '.join(refused)}.")
        headers = {
            "Access-Control-Allow-Methods": ", ".join(sorted(METHODS)),
            "Access-Control-Max-Age": str(_MAX_AGE_SECONDS),
            "Vary": "Access-Control-Request-Method, Access-Control-Request-Headers",
        }
        if (wanted := fields.get(b"access-control-request-headers")) is not None:
            headers["Access-Control-Allow-Headers"] = wanted.decode("latin-1")
        return PlainTextResponse("OK", headers=headers)


def _headers_for(origin: str) -> HeaderList:
    return [
        (b"access-control-allow-origin", origin.encode()),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", _EXPOSED.encode()),
        *_VARY.fields,
    ]
