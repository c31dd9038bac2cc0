"""HTTP: what a job would cost."""

from dataclasses import dataclass

from jobs_service.credits.repository import Credits
from jobs_service.credits.schemas import EXAMPLE_ESTIMATE, EstimateView
from jobs_service.jobs.kinds import Kinds
from jobs_service.jobs.requests import EXAMPLES, REFUSALS, JobRequest
from shared.db.database import Database
from shared.http.endpoint import endpoint
from shared.security.principal import Principal


@dataclass(frozen=True, slots=True)
class EstimateEndpoints:
    """Prices before a job runs."""

    database: Database
    kinds: Kinds

    @endpoint(
        "POST",
        "/api/credits/estimate",
        summary="The price of a job before it runs",
        description="Takes what submitting takes, and answers exactly what that would hold.",
        tag="credits",
        body_examples=EXAMPLES,
        example=EXAMPLE_ESTIMATE,
        errors=REFUSALS,
        scope="credits:read",
    )
    async def estimate(self, body: JobRequest, caller: Principal) -> EstimateView:
        """The exact number of credits that submitting would hold."""
        price = (await self.kinds[type(body)].order(caller.id, body)).price
        balance = (await Credits(self.database).balance(caller.id)).balance
        return EstimateView(price, balance, balance >= price)
