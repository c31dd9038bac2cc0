"""The head of a request: how long it may be, what is answered when it is none, and the ASGI scope
that it becomes."""

import asyncio
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import unquote

import httptools
import msgspec
from starlette.types import Scope

from shared.errors import Problem
from shared.http.problems import MEDIA_TYPE, body_of
from shared.runtime.http_exchange import ENCODED_HEADERS, STATUS_LINES, Headers

MAX_HEAD_BYTES = 64 * 1024
"""Request line and headers; one read more may have arrived when it is noticed."""
MAX_HEADERS = 200

_ASGI = {"version": "3.0", "spec_version": "2.3"}
_EXTENSIONS: dict[str, Any] = {ENCODED_HEADERS: {}}


class HeadTooLarge(Problem):
    """The request line and headers are too long (RFC 6585, 5)."""

    status, code, title = 431, "head_too_large", "The headers of the request are too large"


class HeadTooSlow(Problem):
    """The client did not finish its headers in time (RFC 9110, 15.5.9)."""

    status, code, title = 408, "head_too_slow", "The request did not arrive in time"


@dataclass(frozen=True, slots=True)
class Ends:
    """The two ends of a connection, address and port, and the scheme spoken over it."""

    client: tuple[str, int] | None
    server: tuple[str, int] | None
    scheme: str

    @classmethod
    def of(cls, transport: asyncio.BaseTransport) -> Self:
        """The ends of an open connection; None for one without an address, as of a Unix socket."""
        return cls(
            _address(transport.get_extra_info("peername")),
            _address(transport.get_extra_info("sockname")),
            "https" if transport.get_extra_info("sslcontext") else "http",
        )


def scope_of(ends: Ends, method: str, url: bytes, version: str, headers: Headers) -> Scope:
    """The scope of a request; `headers` have lower-case names. Raises httptools' `HttpParserError`
    for a target that is no URL."""
    if url[:1] != b"/" or b"#" in url:
        parsed = httptools.parse_url(url)
        raw_path, query = parsed.path or b"", parsed.query or b""
    else:
        raw_path, _, query = url.partition(b"?")
    path = raw_path.decode("latin-1")
    return {
        "type": "http",
        "asgi": _ASGI,
        "extensions": _EXTENSIONS,
        "http_version": version,
        "method": method,
        "scheme": ends.scheme,
        "path": unquote(path) if "%" in path else path,
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ends.client,
        "server": ends.server,
    }


def is_for_websocket(headers: Headers) -> bool:
    """Whether what a request asks to upgrade to is a WebSocket (RFC 6455, 4.2.1)."""
    return dict(headers).get(b"upgrade", b"").lower() == b"websocket"


def rewritten(url: bytes, headers: Headers, method: bytes = b"GET", version: str = "1.1") -> bytes:
    """A request's head as it goes over the wire, for another parser to read."""
    lines = [b"%b: %b\r\n" % field for field in headers]
    start = b"%b %b HTTP/%b\r\n" % (method, url, version.encode())
    return b"%b%b\r\n" % (start, b"".join(lines))


def refusal(problem: Problem) -> bytes:
    """The whole answer to what is no request; the connection ends behind it."""
    body = msgspec.json.encode(body_of(problem))
    head = (
        f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
        "cache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    return STATUS_LINES[problem.status] + head.encode() + body


def _address(given: Any) -> tuple[str, int] | None:
    return (str(given[0]), int(given[1])) if isinstance(given, tuple) else None
