"""Which upstream answers a path, whether a token is needed, and how large a body may be."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from starlette.types import ASGIApp, Scope

from shared.errors import NotFound

PREFIXES = {
    "/.well-known/jwks.json": "auth",
    "/api/auth": "auth",
    "/api/users": "auth",
    "/api/videos": "content",
    "/api/posts": "content",
    "/api/jobs": "jobs",
    "/api/credits": "jobs",
}
"""The first two segments of a path, exactly, and the service that owns everything under them.
What is not listed does not exist here; the services' `/internal/` is therefore out of reach."""

OPEN = frozenset(
    {
        ("GET", "/.well-known/jwks.json"),
        ("POST", "/api/auth/register"),
        ("POST", "/api/auth/login"),
        ("POST", "/api/auth/refresh"),
        ("POST", "/api/users/login"),
    }
)
"""Calls that need no access token. One that is sent along is not looked at: clients refresh
with the expired token still attached."""

UPLOADS = frozenset({("POST", "/api/videos")})
_FORM_OVERHEAD = 1024 * 1024
_ENCODED_SEPARATORS = (b"%2f", b"%5c", b"%00")


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes and what it must meet; `max_body` is in bytes."""

    upstream: ASGIApp
    is_open: bool
    max_body: int


class Routes:
    """The table, looked up by exact segments of the decoded path; a trailing slash is ignored."""

    def __init__(
        self,
        upstreams: Mapping[str, ASGIApp],
        own: Mapping[str, ASGIApp],
        *,
        max_body: int,
        max_upload: int,
    ) -> None:
        self._own = {path: Route(app, True, max_body) for path, app in own.items()}
        self._by_prefix = {
            prefix: Route(upstreams[service], False, max_body)
            for prefix, service in PREFIXES.items()
        }
        self._special = {
            call: replace(
                self._by_prefix[_prefix(call[1])],
                is_open=call in OPEN,
                max_body=max_upload + _FORM_OVERHEAD if call in UPLOADS else max_body,
            )
            for call in OPEN | UPLOADS
        }

    def find(self, scope: Scope) -> Route:
        """The route of a request; raises `NotFound`, also for a path that could be read in two
        ways by two programs (RFC 3986, 6.2.2: encoded slashes, dot segments, empty segments)."""
        path = scope["path"]
        if path[-1:] == "/" and len(path) > 1:
            path = path[:-1]
        route = (
            self._special.get((scope["method"], path))
            or self._by_prefix.get(_prefix(path))
            or self._own.get(path)
        )
        if route is None or not _is_plain(scope["path"], scope["raw_path"]):
            raise NotFound(f"Nothing answers at {scope['path']}.")
        return route


def owner_of(path: str) -> str | None:
    """The service to which `path` is routed."""
    return PREFIXES.get(_prefix(path))


def _prefix(path: str) -> str:
    second = path.find("/", 1)
    third = path.find("/", second + 1) if second > 0 else -1
    return path if third < 0 else path[:third]


def _is_plain(path: str, raw: bytes) -> bool:
    if "//" in path or "\\" in path:
        return False
    if "/." in path and not {".", ".."}.isdisjoint(path.split("/")):
        return False
    if b"%" not in raw:
        return True
    lowered = raw.lower()
    return not any(encoded in lowered for encoded in _ENCODED_SEPARATORS)
