"""HTTP: balance, transactions, and prices before a job runs."""

from dataclasses import dataclass
from uuid import UUID

from jobs_service.credits.domain import price_of
from jobs_service.credits.repository import Credits
from jobs_service.credits.schemas import (
    EXAMPLE_BALANCE,
    EXAMPLE_ESTIMATE,
    EXAMPLE_ESTIMATE_REQUEST,
    EXAMPLE_TRANSACTION,
    BalanceView,
    EstimateRequest,
    EstimateView,
    TransactionView,
)
from jobs_service.videos.domain import VideoHasNoSound, VideoNotFound
from jobs_service.videos.use_cases import FindVideo
from shared.db.database import Database
from shared.http.endpoint import endpoint
from shared.http.paging import Cursors, Page, PageQuery
from shared.security.principal import Principal


@dataclass(frozen=True, slots=True)
class CreditEndpoints:
    """What a caller sees of their account."""

    database: Database
    cursors: Cursors
    find_video: FindVideo

    @endpoint(
        "GET",
        "/api/credits/balance",
        summary="The caller's credits",
        tag="credits",
        example=EXAMPLE_BALANCE,
        scope="credits:read",
    )
    async def balance(self, caller: Principal) -> BalanceView:
        """What can be spent, and what is held."""
        return BalanceView.of(await Credits(self.database).balance(caller.id))

    @endpoint(
        "GET",
        "/api/credits/transactions",
        summary="The caller's credit history, newest first",
        tag="credits",
        example=Page([EXAMPLE_TRANSACTION], next_cursor=None),
        scope="credits:read",
    )
    async def transactions(self, query: PageQuery, caller: Principal) -> Page[TransactionView]:
        """Every movement, with the balance after it."""
        after = self.cursors.decode(query.cursor, tuple[UUID])[0] if query.cursor else None
        found = await Credits(self.database).entries_of(caller.id, query.limit + 1, after)
        return self.cursors.page(
            [TransactionView.of(entry) for entry in found], query.limit, lambda last: (last.id,)
        )

    @endpoint(
        "POST",
        "/api/credits/estimate",
        summary="The price of a job before it runs",
        tag="credits",
        body_example=EXAMPLE_ESTIMATE_REQUEST,
        example=EXAMPLE_ESTIMATE,
        errors=(VideoNotFound, VideoHasNoSound),
        scope="credits:read",
    )
    async def estimate(self, body: EstimateRequest, caller: Principal) -> EstimateView:
        """The exact number of credits that submitting would hold."""
        video = await self.find_video(caller.id, body.video_id)
        price = price_of(body.type, video.duration_seconds)
        balance = (await Credits(self.database).balance(caller.id)).balance
        return EstimateView(price, balance, balance >= price)
