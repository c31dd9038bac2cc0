"""Which upstream answers a path, and which rules a call to it must meet."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import Any

from starlette.types import ASGIApp, Scope

from gateway.deprecation import Deprecations
from gateway.headers import HeaderList
from shared.errors import MethodNotAllowed, NotFound

PREFIXES = {
    "/.well-known/jwks.json": "auth",
    "/api/auth": "auth",
    "/api/users": "auth",
    "/api/admin": "auth",
    "/api/avatars": "auth",
    "/api/social": "auth",
    "/api/videos": "content",
    "/api/uploads": "content",
    "/api/media": "content",
    "/api/posts": "content",
    "/api/search": "content",
    "/api/tags": "content",
    "/api/jobs": "jobs",
    "/api/credits": "jobs",
    "/api/payments": "jobs",
    "/api/captions": "jobs",
    "/api/webhooks": "jobs",
    "/api/v2": "jobs",
}
"""The first two segments of a path, exactly, and the service that owns everything under them.
What is not listed does not exist here; the services' `/internal/` is therefore out of reach."""


class TokenRule(Enum):
    """What a route does with an access token."""

    IGNORED = "a token is not looked at: clients log in and refresh with the expired one attached"
    OPTIONAL = "a token must be good, but none is needed"
    REQUIRED = "a good token is needed"


class RouteClass(Enum):
    """What calls to a route cost us, for their limits."""

    LOGIN = "login"
    REGISTER = "register"
    UPLOAD = "upload"
    GENERATE = "generate"
    REST = "rest"
    PROBE = "probe"


OPEN = {
    ("GET", "/.well-known/jwks.json"): RouteClass.REST,
    ("POST", "/api/auth/register"): RouteClass.REGISTER,
    ("POST", "/api/auth/guest"): RouteClass.REGISTER,
    ("POST", "/api/auth/login"): RouteClass.LOGIN,
    ("POST", "/api/auth/login/second-factor"): RouteClass.LOGIN,
    ("POST", "/api/auth/login/second-factor/passkey-options"): RouteClass.LOGIN,
    ("POST", "/api/auth/passkeys/login/options"): RouteClass.LOGIN,
    ("POST", "/api/auth/passkeys/login"): RouteClass.LOGIN,
    ("POST", "/api/auth/refresh"): RouteClass.REST,
    ("POST", "/api/auth/verify-email"): RouteClass.LOGIN,
    ("POST", "/api/auth/verify-email/resend"): RouteClass.REGISTER,
    ("POST", "/api/auth/password/forgot"): RouteClass.REGISTER,
    ("POST", "/api/auth/password/reset"): RouteClass.LOGIN,
    ("POST", "/api/auth/email/confirm"): RouteClass.LOGIN,
    ("GET", "/api/auth/pages/verify-email"): RouteClass.REST,
    ("GET", "/api/auth/pages/reset-password"): RouteClass.REST,
    ("GET", "/api/auth/pages/change-email"): RouteClass.REST,
    ("GET", "/api/auth/pages/page.js"): RouteClass.REST,
    ("GET", "/api/auth/pages/page.css"): RouteClass.REST,
    ("POST", "/api/users/login"): RouteClass.LOGIN,
    ("POST", "/api/social/session"): RouteClass.LOGIN,
    ("GET", "/api/credits/prices"): RouteClass.REST,
}
"""Calls that need no access token, and do not look at one."""

OPEN_PREFIXES = {
    "/api/social": RouteClass.REST,
    "/api/media": RouteClass.REST,
    "/api/payments": RouteClass.REST,
}
"""The same for all that is under these: browsers walk through social log-ins without a token, links
to files carry their own right, and payment providers sign what they tell."""

PUBLIC = frozenset({"/api/avatars", "/api/posts", "/api/search", "/api/tags"})
"""Everybody may GET what is under these prefixes; without a token, from the short cache."""

PROBES = frozenset({"/health", "/health/ready", "/api/health", "/metrics"})
"""What monitors and orchestrators ask, and must always be told."""

OWN = {"/api/events": TokenRule.REQUIRED}
"""What the gateway itself answers to users alone."""

UPLOADS = frozenset({("POST", "/api/videos"), ("POST", "/api/uploads")})
PARTS_OF_UPLOADS = frozenset({("PATCH", "/api/uploads"), ("POST", "/api/uploads")})
"""Calls under a prefix that send parts of a file, as large as the whole if the client likes; a file
may have many, so that they count as any other call."""
DISCOVERY = frozenset({("OPTIONS", "/api/uploads")})
"""What a client asks before anything else: it tells nothing of anybody."""
PICTURES = frozenset({("PUT", "/api/users/profile/avatar")})
CAPTION_FILES = frozenset({("POST", "/api/captions"), ("PUT", "/api/captions")})
"""Calls under a prefix that send all cues of a track."""
GENERATING = frozenset({("POST", "/api/jobs"), ("POST", "/api/v2/generate")})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""What any service answers; TRACE and CONNECT, above all, go no further (RFC 9110, 9.3)."""
_ALLOW = {"allow": ", ".join(sorted(METHODS))}
_READS = frozenset({"GET", "HEAD"})
_FORM_OVERHEAD = 1024 * 1024
_LARGEST_PICTURE = 8 * 1024 * 1024
_LARGEST_CAPTION_FILE = 4 * 1024 * 1024
_CAPTION_FORM_OVERHEAD = 8 * 1024
_ENCODED_SEPARATORS = (b"%2f", b"%5c")
_ENCODED_CONTROLS = (b"%0", b"%1", b"%7f")
"""A path that ends with a line feed would be another path here and the same to a regular
expression's `$`, so that it would pass by the limits of what it reaches."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes and what it must meet; `max_body` is in bytes, and every answer carries
    `headers`."""

    upstream: ASGIApp
    max_body: int
    service: str = "gateway"
    token: TokenRule = TokenRule.REQUIRED
    limit: RouteClass = RouteClass.REST
    cached: bool = False
    headers: HeaderList = field(default_factory=list)


class Routes:
    """The table, looked up by exact segments of the decoded path; a trailing slash is ignored."""

    def __init__(
        self,
        upstreams: Mapping[str, ASGIApp],
        own: Mapping[str, ASGIApp],
        *,
        max_body: int,
        max_upload: int,
        deprecations: Deprecations = MappingProxyType({}),
    ) -> None:
        self._own = {
            path: Route(
                app,
                max_body,
                token=OWN.get(path, TokenRule.IGNORED),
                limit=RouteClass.PROBE if path in PROBES else RouteClass.REST,
            )
            for path, app in own.items()
        }
        self._by_prefix = {
            prefix: Route(upstreams[service], max_body, service)
            for prefix, service in PREFIXES.items()
        }
        self._by_prefix |= {
            prefix: replace(self._by_prefix[prefix], token=TokenRule.IGNORED, limit=limit)
            for prefix, limit in OPEN_PREFIXES.items()
        }
        self._public = {
            prefix: replace(self._by_prefix[prefix], token=TokenRule.OPTIONAL, cached=True)
            for prefix in PUBLIC
        }
        self._special = {
            **{
                call: self._call(call, token=TokenRule.IGNORED, limit=limit)
                for call, limit in OPEN.items()
            },
            **{
                call: self._call(
                    call, limit=RouteClass.UPLOAD, max_body=max_upload + _FORM_OVERHEAD
                )
                for call in UPLOADS
            },
            **{
                call: self._call(call, limit=RouteClass.UPLOAD, max_body=_LARGEST_PICTURE)
                for call in PICTURES
            },
            **{call: self._call(call, limit=RouteClass.GENERATE) for call in GENERATING},
        }
        self._by_call = {
            **{
                call: self._call(call, max_body=max_upload + _FORM_OVERHEAD)
                for call in PARTS_OF_UPLOADS
            },
            **{
                call: self._call(call, max_body=_LARGEST_CAPTION_FILE + _CAPTION_FORM_OVERHEAD)
                for call in CAPTION_FILES
            },
            **{call: self._call(call, token=TokenRule.IGNORED) for call in DISCOVERY},
        }
        # who may GET may ask for the head alone (RFC 9110, 9.3.2)
        self._special |= {
            ("HEAD", path): route
            for (method, path), route in self._special.items()
            if method == "GET"
        }
        self._special |= {
            (method, path): replace(self._present(method, path), headers=deprecation.headers())
            for path, deprecation in deprecations.items()
            for method in METHODS
        }

    def _call(self, call: tuple[str, str], **rules: Any) -> Route:
        return replace(self._by_prefix[_prefix(call[1])], **rules)

    def _present(self, method: str, path: str) -> Route:
        return self.find({"method": method, "path": path, "raw_path": path.encode()})

    def find(self, scope: Scope) -> Route:
        """The route of a request; raises `MethodNotAllowed`, and `NotFound`, also for a path that
        two programs could read in two ways (RFC 3986, 6.2.2: encoded slashes, dot segments, empty
        segments, control characters)."""
        path, method = scope["path"], scope["method"]
        if method not in METHODS:
            raise MethodNotAllowed(f"Nothing here answers {method}.", headers=_ALLOW)
        if path[-1:] == "/" and len(path) > 1:
            path = path[:-1]
        prefix = _prefix(path)
        route = (
            self._special.get((method, path))
            or (self._public.get(prefix) if method in _READS else None)
            or self._by_call.get((method, prefix))
            or self._by_prefix.get(prefix)
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
    return not any(encoded in lowered for encoded in _ENCODED_SEPARATORS + _ENCODED_CONTROLS)
