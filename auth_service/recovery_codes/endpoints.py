"""Recovery codes over HTTP."""

from dataclasses import dataclass

from starlette.requests import Request

from auth_service.device import device_of
from auth_service.factors.domain import NoSecondFactor
from auth_service.recovery_codes.schemas import EXAMPLE_CODES, RecoveryCodesView
from auth_service.recovery_codes.use_cases import RenewRecoveryCodes
from auth_service.sessions.domain import ReauthenticationRequired
from auth_service.sessions.use_cases import RequireRecent
from shared.http.endpoint import endpoint
from shared.security.principal import Principal


@dataclass(frozen=True, slots=True)
class RecoveryCodeEndpoints:
    """New recovery codes."""

    renew_codes: RenewRecoveryCodes
    require_recent: RequireRecent

    @endpoint(
        "POST",
        "/api/auth/factors/recovery-codes",
        status=201,
        summary="Make new recovery codes",
        tag="second-factors",
        description="Ten, shown here alone; earlier ones are of no use any more.",
        example=EXAMPLE_CODES,
        errors=(ReauthenticationRequired, NoSecondFactor),
        guests=False,
    )
    async def renew(self, caller: Principal, request: Request) -> RecoveryCodesView:
        """The codes."""
        await self.require_recent(caller)
        return RecoveryCodesView(await self.renew_codes(caller, device_of(request)))
