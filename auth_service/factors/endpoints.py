"""All factors over HTTP."""

from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request

from auth_service.administration.domain import NotYourself, UserNotFound
from auth_service.device import device_of
from auth_service.factors.schemas import EXAMPLE_FACTORS, FactorsView
from auth_service.factors.use_cases import ListFactors, RemoveFactors
from auth_service.sessions.domain import ReauthenticationRequired
from auth_service.sessions.use_cases import RequireRecent
from shared.http.endpoint import endpoint
from shared.security.principal import Principal, UserId


@dataclass(frozen=True, slots=True)
class FactorEndpoints:
    """What the caller's account has, and what an administrator can do for others."""

    list_factors: ListFactors
    remove_factors: RemoveFactors
    require_recent: RequireRecent

    @endpoint(
        "GET",
        "/api/auth/factors",
        summary="List your second factors",
        tag="second-factors",
        description="The authenticator app, the passkeys, and how many recovery codes are unused. "
        "Secrets are never shown again.",
        example=EXAMPLE_FACTORS,
        guests=False,
    )
    async def factors(self, caller: Principal) -> FactorsView:
        """Those that count."""
        return FactorsView.of(await self.list_factors(caller))

    @endpoint(
        "DELETE",
        "/api/admin/users/{user_id}/factors",
        status=204,
        summary="Remove all second factors of a user who has lost them",
        tag="admin",
        description="The authenticator app, passkeys and recovery codes; all sessions end, since "
        "what was lost may be logged in. The user is told by mail.",
        errors=(UserNotFound, NotYourself, ReauthenticationRequired),
        scope="admin:users:write",
    )
    async def remove_factors_of_user(
        self, user_id: UUID, caller: Principal, request: Request
    ) -> None:
        """They log in with what is left, such as their password."""
        await self.require_recent(caller)
        await self.remove_factors(caller.id, UserId(user_id), device_of(request))
