"""Authenticator apps over HTTP."""

from dataclasses import dataclass

from starlette.requests import Request

from auth_service.accounts.domain import AccountGone
from auth_service.device import device_of
from auth_service.recovery_codes.schemas import EXAMPLE_CODES, RecoveryCodesView
from auth_service.sessions.domain import ReauthenticationRequired
from auth_service.sessions.use_cases import RequireRecent
from auth_service.totp.domain import TotpActive, TotpNotFound
from auth_service.totp.schemas import EXAMPLE_ENROLMENT, ConfirmTotpRequest, EnrolmentView
from auth_service.totp.use_cases import BeginTotp, ConfirmTotp, RemoveTotp
from shared.http.endpoint import endpoint
from shared.security.principal import Principal


@dataclass(frozen=True, slots=True)
class TotpEndpoints:
    """Set up an authenticator app, and take it away."""

    begin_totp: BeginTotp
    confirm_totp: ConfirmTotp
    remove_totp: RemoveTotp
    require_recent: RequireRecent

    @endpoint(
        "POST",
        "/api/auth/factors/totp",
        status=201,
        summary="Begin to set up an authenticator app",
        tag="second-factors",
        description="The secret is shown here alone, and counts once a code of the app has "
        "confirmed it. To begin again makes another secret. TOTP as in RFC 6238: six digits, "
        "30 seconds, SHA-1.",
        example=EXAMPLE_ENROLMENT,
        errors=(ReauthenticationRequired, TotpActive, AccountGone),
        guests=False,
    )
    async def begin(self, caller: Principal) -> EnrolmentView:
        """The secret, the link and the QR code."""
        await self.require_recent(caller)
        return EnrolmentView.of(await self.begin_totp(caller))

    @endpoint(
        "POST",
        "/api/auth/factors/totp/confirm",
        summary="Confirm an authenticator app by a code",
        tag="second-factors",
        description="From now on logging in needs a code, or one of the recovery codes, which "
        "are shown here alone. Earlier recovery codes are of no use any more.",
        body_example=ConfirmTotpRequest("492039"),
        example=EXAMPLE_CODES,
        errors=(TotpNotFound, TotpActive, AccountGone),
        guests=False,
    )
    async def confirm(
        self, body: ConfirmTotpRequest, caller: Principal, request: Request
    ) -> RecoveryCodesView:
        """Recovery codes."""
        return RecoveryCodesView(await self.confirm_totp(caller, body.code, device_of(request)))

    @endpoint(
        "DELETE",
        "/api/auth/factors/totp",
        status=204,
        summary="Remove the authenticator app",
        tag="second-factors",
        description="Recovery codes go, too, when no passkey is left that they stand in for.",
        errors=(ReauthenticationRequired, TotpNotFound, AccountGone),
        guests=False,
    )
    async def remove(self, caller: Principal, request: Request) -> None:
        """Codes of the app are of no use any more."""
        await self.require_recent(caller)
        await self.remove_totp(caller, device_of(request))
