"""How whoever registers or logs in names the guest that they have been."""

from typing import Annotated, Protocol

from msgspec import Meta
from starlette.requests import Request

from auth_service.guests.domain import no_guest
from auth_service.secrets import hash_of
from auth_service.sessions.domain import TokenPlace

GuestToken = Annotated[
    str,
    Meta(
        max_length=128,
        description="The refresh token of the guest that the user has been until now: what the "
        "guest owns will be theirs.",
    ),
]
GuestPlace = Annotated[
    TokenPlace,
    Meta(description="`cookie`: the guest's refresh token is in the cookie, not in the body."),
]


class NamesGuest(Protocol):
    """A body with these two fields."""

    @property
    def guest_refresh_token(self) -> str | None:
        """The token itself."""
        ...

    @property
    def guest_refresh_token_in(self) -> TokenPlace:
        """Where it is."""
        ...


class Cookies(Protocol):
    """Reads refresh tokens from cookies."""

    def cookie_of(self, request: Request) -> str | None:
        """The token in the cookie of `request`; raises `ForeignOrigin`."""
        ...


def guest_of(body: NamesGuest, request: Request, cookies: Cookies) -> bytes | None:
    """The hash of the refresh token of the guest that `body` names, if it names one.

    Raises `ForeignOrigin`, and `Invalid` when the cookie that it speaks of is not there.
    """
    if body.guest_refresh_token_in is TokenPlace.BODY:
        token = body.guest_refresh_token
        return None if token is None else hash_of(token)
    token = cookies.cookie_of(request)
    if token is None:
        raise no_guest("guest_refresh_token_in")
    return hash_of(token)
