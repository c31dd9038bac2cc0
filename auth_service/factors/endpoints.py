"""All factors over HTTP."""

from dataclasses import dataclass

from auth_service.factors.schemas import EXAMPLE_FACTORS, FactorsView
from auth_service.factors.use_cases import ListFactors
from shared.http.endpoint import endpoint
from shared.security.principal import Principal


@dataclass(frozen=True, slots=True)
class FactorEndpoints:
    """What the caller's account has."""

    list_factors: ListFactors

    @endpoint(
        "GET",
        "/api/auth/factors",
        summary="List your second factors",
        tag="second factors",
        description="The authenticator app, the passkeys, and how many recovery codes are unused. "
        "Secrets are never shown again.",
        example=EXAMPLE_FACTORS,
        guests=False,
    )
    async def factors(self, caller: Principal) -> FactorsView:
        """Those that count."""
        return FactorsView.of(await self.list_factors(caller))
