"""How a refresh token reaches its holder: in the body of the answer, or as a cookie that no script
can read.

Whoever hands out tokens asks first, so that nobody is let in whom the answer would not reach::

    delivery = self.delivery(body.refresh_token_in, request)
    return delivery.answer(await self.log_in(...))

A browser sends the cookie whichever page asks, so that wherever it is set or used the page must be
ours or one of ALLOWED_ORIGINS: no other can act in the name of a visitor, nor log them in as
somebody else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from auth_service.sessions.domain import ForeignOrigin, TokenPlace
from auth_service.sessions.schemas import TokensView
from auth_service.sessions.use_cases import LoggedIn
from shared.clock import Clock
from shared.http.endpoint import Header

COOKIE = "madang_refresh"
COOKIE_PATH = "/api/auth"
"""No other call is ever sent the cookie."""
SameSite = Literal["lax", "strict", "none"]
SETS_COOKIE = Header(
    "Set-Cookie",
    f"The refresh token as the cookie `{COOKIE}` (HttpOnly, Path={COOKIE_PATH}), when the request "
    'says `"refresh_token_in": "cookie"` or came with it; the body has none then.',
)


@dataclass(frozen=True, slots=True)
class TokenDelivery:
    """Knows which pages may have the cookie, and how it is set."""

    allowed_origins: frozenset[str]
    same_site: SameSite
    always_secure: bool
    clock: Clock

    @classmethod
    def of(
        cls, origins: Iterable[str], same_site: SameSite, clock: Clock, *, production: bool
    ) -> "TokenDelivery":
        """Browsers take a cookie for other sites (`none`) only when it is secure."""
        return cls(frozenset(origins), same_site, production or same_site == "none", clock)

    def __call__(self, place: TokenPlace, request: Request) -> "Delivery":
        """For the answer to `request`; raises `ForeignOrigin` before anybody is let in."""
        if place is TokenPlace.COOKIE:
            self.check_origin(request)
        return Delivery(self, place, request)

    def forget(self, answer: msgspec.Struct, request: Request) -> Response:
        """`answer`, which also takes the cookie away."""
        response = _json(answer, 200)
        self.set_cookie(response, request, "", timedelta())
        return response

    def cookie_of(self, request: Request) -> str | None:
        """The refresh token in the cookie of `request`; raises `ForeignOrigin`."""
        token = request.cookies.get(COOKIE)
        if token is not None:
            self.check_origin(request)
        return token

    def check_origin(self, request: Request) -> None:
        """Raise `ForeignOrigin` unless a page of ours or an allowed one sent `request`.

        A browser that leaves out `Origin` says `Sec-Fetch-Site`, which no script can set.
        """
        origin = request.headers.get("origin")
        if origin is None:
            if request.headers.get("sec-fetch-site") == "same-origin":
                return
            raise ForeignOrigin("A call that sets or uses the cookie needs the header Origin.")
        if origin not in self.allowed_origins and origin != _own_origin(request):
            raise ForeignOrigin(f"{origin!r} is not among ALLOWED_ORIGINS, nor is it this host.")

    def set_cookie(
        self, response: Response, request: Request, token: str, lifetime: timedelta
    ) -> None:
        """Let the browser keep `token`; without a lifetime, forget it."""
        response.set_cookie(
            COOKIE,
            token,
            max_age=max(0, int(lifetime.total_seconds())),
            path=COOKIE_PATH,
            secure=self.always_secure or _scheme_of(request) == "https",
            httponly=True,
            samesite=self.same_site,
        )


@dataclass(frozen=True, slots=True)
class Delivery:
    """The way that the tokens of one answer go."""

    policy: TokenDelivery
    place: TokenPlace
    request: Request

    def answer(self, pair: LoggedIn, status: int = 200) -> Response:
        """The answer that hands out `pair`."""
        view = TokensView.of(pair)
        if self.place is TokenPlace.BODY:
            return _json(view, status)
        response = _json(msgspec.structs.replace(view, refresh_token=msgspec.UNSET), status)
        lifetime = pair.refresh_expires_at - self.policy.clock.now()
        self.policy.set_cookie(response, self.request, pair.refresh_token, lifetime)
        return response


def _json(answer: msgspec.Struct, status: int) -> Response:
    return Response(
        msgspec.json.encode(answer),
        status,
        {"cache-control": "no-store"},
        media_type="application/json",
    )


def _scheme_of(request: Request) -> str:
    return request.headers.get("x-forwarded-proto", request.url.scheme)


def _own_origin(request: Request) -> str:
    """Of the API as its client sees it, which the gateway tells."""
    headers = request.headers
    host = headers.get("x-forwarded-host") or headers.get("host", "")
    return f"{_scheme_of(request)}://{host}"
