"""Guests over HTTP."""

from dataclasses import dataclass

import msgspec
from starlette.requests import Request

from auth_service.accounts.schemas import EXAMPLE_ACCOUNT
from auth_service.device import device_of
from auth_service.guests.use_cases import ComeInAsGuest
from auth_service.sessions.schemas import TokensView
from shared.http.endpoint import endpoint

_ACCESS_TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJndWVzdCI6dHJ1ZX0.c2lnbmF0dXJl"  # noqa: S105 - an example
_REFRESH_TOKEN = "p4Vd9sQeT1mYkX7bN0cRfJ2wLzHgU6aOiE8tBqCxMhA"  # noqa: S105 - an example
_GUEST = msgspec.structs.replace(
    EXAMPLE_ACCOUNT,
    email=None,
    user_handle="guest-5f0c1d7a93be2468",
    email_verified=False,
    guest=True,
    display_name="",
    language="en",
    time_zone="UTC",
)
_TOKENS = TokensView(
    access_token=_ACCESS_TOKEN, refresh_token=_REFRESH_TOKEN, expires_in=900, user=_GUEST
)


@dataclass(frozen=True, slots=True)
class GuestEndpoints:
    """Come in without an account."""

    come_in: ComeInAsGuest

    @endpoint(
        "POST",
        "/api/auth/guest",
        status=201,
        summary="Come in as a guest",
        tag="auth",
        description="Makes an account without e-mail address and password, and logs in to it. It "
        "may do less than others, and lasts as long as it is used. Send its refresh token as "
        "`guest_refresh_token` when registering or logging in, and what the guest has made is "
        "the user's.",
        example=_TOKENS,
    )
    async def come_in_as_guest(self, request: Request) -> TokensView:
        """A new guest and their session."""
        return TokensView.of(await self.come_in(device_of(request)))
