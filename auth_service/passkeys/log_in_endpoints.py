"""Logging in with a passkey, over HTTP."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from auth_service.accounts.domain import AccountSuspended, EmailNotVerified
from auth_service.device import device_of
from auth_service.factors.domain import ChallengeInvalid
from auth_service.guests.naming import guest_of
from auth_service.passkeys.domain import RelyingParty, WrongOrigin, WrongPasskey
from auth_service.passkeys.endpoints import check_page
from auth_service.passkeys.log_in import LogInWithPasskey
from auth_service.passkeys.schemas import (
    EXAMPLE_REQUEST,
    EXAMPLE_USED,
    PasskeyLogIn,
    PasskeyOptions,
)
from auth_service.passkeys.using import AskForPasskey
from auth_service.sessions.delivery import SETS_COOKIE, TokenDelivery
from auth_service.sessions.domain import ForeignOrigin
from auth_service.sessions.schemas import EXAMPLE_TOKENS
from auth_service.tickets.domain import Purpose
from shared.http.endpoint import endpoint


@dataclass(frozen=True, slots=True)
class PasskeyLogInEndpoints:
    """Log in without a password."""

    party: RelyingParty
    ask: AskForPasskey
    log_in: LogInWithPasskey
    delivery: TokenDelivery

    @endpoint(
        "POST",
        "/api/auth/passkeys/login/options",
        summary="Ask for what logs in with a passkey",
        tag="passkeys",
        description="For `navigator.credentials.get()`, within five minutes. No account is named: "
        "the browser offers the passkeys that it has for this site.",
        example=EXAMPLE_REQUEST,
        errors=(WrongOrigin,),
    )
    async def login_options(self, request: Request) -> PasskeyOptions:
        """A challenge."""
        check_page(self.party, request)
        return PasskeyOptions(await self.ask(Purpose.PASSKEY_LOGIN, None))

    @endpoint(
        "POST",
        "/api/auth/passkeys/login",
        summary="Log in with a passkey",
        tag="passkeys",
        description="With the `toJSON()` of what `navigator.credentials.get()` gave. The device "
        "has verified its user, so that nothing else is asked.",
        body_example=PasskeyLogIn(EXAMPLE_USED),
        example=EXAMPLE_TOKENS,
        answer_headers=(SETS_COOKIE,),
        errors=(
            WrongPasskey,
            ChallengeInvalid,
            WrongOrigin,
            AccountSuspended,
            EmailNotVerified,
            ForeignOrigin,
        ),
    )
    async def login(self, body: PasskeyLogIn, request: Request) -> Response:
        """A new session."""
        delivery = self.delivery(body.refresh_token_in, request)
        guest = guest_of(body, request, self.delivery)
        return delivery.answer(await self.log_in(body.credential, device_of(request), guest))
