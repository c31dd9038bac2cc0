"""Guests over HTTP."""

from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from auth_service.accounts.schemas import EXAMPLE_ACCOUNT
from auth_service.device import device_of
from auth_service.guests.use_cases import ComeInAsGuest
from auth_service.sessions.delivery import SETS_COOKIE, TokenDelivery
from auth_service.sessions.domain import ForeignOrigin, TokenPlace
from auth_service.sessions.schemas import EXAMPLE_TOKENS, WishedPlace
from shared.http.endpoint import endpoint

_GUEST = msgspec.structs.replace(
    EXAMPLE_ACCOUNT,
    email=None,
    user_handle="guest-5f0c1d7a93be2468",
    email_verified=False,
    guest=True,
    display_name="",
    bio="",
    language="en",
    time_zone="UTC",
)


class GuestRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What whoever comes in may wish."""

    refresh_token_in: WishedPlace = TokenPlace.BODY


@dataclass(frozen=True, slots=True)
class GuestEndpoints:
    """Come in without an account."""

    come_in: ComeInAsGuest
    delivery: TokenDelivery

    @endpoint(
        "POST",
        "/api/auth/guest",
        status=201,
        summary="Come in as a guest",
        tag="auth",
        description="Makes an account without e-mail address and password, and logs in to it. It "
        "may do less than others, and lasts as long as it is used. Send its refresh token as "
        "`guest_refresh_token` when registering or logging in, and what the guest owns is the "
        "user's. A body is not needed.",
        body_example=GuestRequest(),
        example=msgspec.structs.replace(EXAMPLE_TOKENS, user=_GUEST),
        answer_headers=(SETS_COOKIE,),
        errors=(ForeignOrigin,),
    )
    async def come_in_as_guest(self, body: GuestRequest | None, request: Request) -> Response:
        """A new guest and their session."""
        wanted = body or GuestRequest()
        delivery = self.delivery(wanted.refresh_token_in, request)
        return delivery.answer(await self.come_in(device_of(request)), 201)
