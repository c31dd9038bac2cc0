"""The second step of a log-in, and proofs after it, over HTTP."""

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from auth_service.accounts.domain import AccountGone, AccountSuspended, EmailNotVerified
from auth_service.accounts.passwords import TooBusy
from auth_service.delays.domain import LoginDelayed
from auth_service.device import device_of
from auth_service.factors.domain import ChallengeInvalid, WrongSecondFactor
from auth_service.passkeys.domain import RelyingParty, WrongOrigin
from auth_service.passkeys.endpoints import check_page
from auth_service.passkeys.schemas import EXAMPLE_REQUEST, PasskeyOptions
from auth_service.proofs.domain import Given, ProofRefused, SecondFactorNeeded, check_one
from auth_service.proofs.schemas import (
    ChallengeRequest,
    Reauthenticated,
    ReauthenticationRequest,
    SecondFactorRequest,
)
from auth_service.proofs.second_factor import AskForSecondPasskey, LogInWithSecondFactor
from auth_service.proofs.step_up import AskForOwnPasskey, Reauthenticate
from auth_service.sessions.delivery import SETS_COOKIE, TokenDelivery
from auth_service.sessions.domain import ForeignOrigin, RefreshTokenRevoked
from auth_service.sessions.schemas import EXAMPLE_TOKENS
from shared.http.endpoint import endpoint
from shared.security.principal import Principal

_CHALLENGE = "Zk3sQ2wXcAmPgR7vV1Yl0ax6Ck2m0wJt4n8sFq1vRyB"
_SECOND_FACTOR = SecondFactorRequest(_CHALLENGE, code="492039")
_PROOF = ReauthenticationRequest(password="Correct7Horse")  # noqa: S106 - an example
_PROVED = Reauthenticated(datetime(2026, 3, 1, 9, 40, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class SecondFactorEndpoints:
    """The second step of a log-in."""

    log_in: LogInWithSecondFactor
    ask_for_passkey: AskForSecondPasskey
    delivery: TokenDelivery
    party: RelyingParty

    @endpoint(
        "POST",
        "/api/auth/login/second-factor",
        summary="Log in: send the second factor",
        tag="auth",
        description="A log-in that is answered with 401 `second_factor_required` gives a "
        "`challenge`, good for five minutes and five tries, and `methods`: which of `totp` "
        "(send `code`), `recovery_code` and `passkey` the account has. Send exactly one.",
        body_example=_SECOND_FACTOR,
        example=EXAMPLE_TOKENS,
        answer_headers=(SETS_COOKIE,),
        errors=(
            WrongSecondFactor,
            AccountGone,
            ChallengeInvalid,
            WrongOrigin,
            AccountSuspended,
            EmailNotVerified,
            ForeignOrigin,
            LoginDelayed,
        ),
    )
    async def second_factor(self, body: SecondFactorRequest, request: Request) -> Response:
        """A new session."""
        delivery = self.delivery(body.refresh_token_in, request)
        return delivery.answer(await self.log_in(body.challenge, body.given, device_of(request)))

    @endpoint(
        "POST",
        "/api/auth/login/second-factor/passkey-options",
        summary="Log in: ask for what uses a passkey as the second factor",
        tag="auth",
        description="For `navigator.credentials.get()`, within five minutes.",
        body_example=ChallengeRequest(_CHALLENGE),
        example=EXAMPLE_REQUEST,
        errors=(ChallengeInvalid, WrongOrigin),
    )
    async def second_factor_options(
        self, body: ChallengeRequest, request: Request
    ) -> PasskeyOptions:
        """A challenge for the passkeys of the account."""
        check_page(self.party, request)
        return PasskeyOptions(await self.ask_for_passkey(body.challenge))


@dataclass(frozen=True, slots=True)
class ReauthenticationEndpoints:
    """Proving once more who one is."""

    reauthenticate: Reauthenticate
    ask_for_passkey: AskForOwnPasskey
    party: RelyingParty

    @endpoint(
        "POST",
        "/api/auth/reauthenticate",
        summary="Prove once more who you are",
        tag="auth",
        description="What is dangerous asks for a proof of the last ten minutes, and answers 403 "
        "`reauthentication_required` otherwise, whose member `methods` says what to send here: "
        "exactly one of `password`, `code`, `recovery_code` and `passkey`. An account with a "
        "second factor proves nothing by its password alone.",
        body_example=_PROOF,
        example=_PROVED,
        errors=(
            RefreshTokenRevoked,
            AccountGone,
            ProofRefused,
            SecondFactorNeeded,
            ChallengeInvalid,
            WrongOrigin,
            LoginDelayed,
            TooBusy,
        ),
        guests=False,
    )
    async def prove(
        self, body: ReauthenticationRequest, caller: Principal, request: Request
    ) -> Reauthenticated:
        """Until when the proof is good enough."""
        check_one(
            password=body.password,
            code=body.code,
            recovery_code=body.recovery_code,
            passkey=body.passkey,
        )
        device = device_of(request)
        if body.password is not None:
            until = await self.reauthenticate.by_password(caller, body.password, device)
        else:
            given = Given.checked(body.code, body.recovery_code, body.passkey)
            until = await self.reauthenticate.by_factor(caller, given, device)
        return Reauthenticated(until)

    @endpoint(
        "POST",
        "/api/auth/reauthenticate/passkey-options",
        summary="Ask for what proves by a passkey who you are",
        tag="auth",
        description="For `navigator.credentials.get()`, within five minutes.",
        example=EXAMPLE_REQUEST,
        errors=(WrongOrigin,),
        guests=False,
    )
    async def proof_options(self, caller: Principal, request: Request) -> PasskeyOptions:
        """A challenge for the caller's passkeys."""
        check_page(self.party, request)
        return PasskeyOptions(await self.ask_for_passkey(caller))
