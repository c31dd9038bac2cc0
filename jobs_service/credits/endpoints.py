"""HTTP: balance, transactions and statement, prices, and grants."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from starlette.responses import Response, StreamingResponse

from jobs_service.credits.domain import AccountNotFound
from jobs_service.credits.granting import GrantCredits
from jobs_service.credits.grants import Grants
from jobs_service.credits.packages import Package
from jobs_service.credits.prices import PriceList
from jobs_service.credits.repository import Credits
from jobs_service.credits.schemas import (
    EXAMPLE_BALANCE,
    EXAMPLE_ENDING_GRANT,
    EXAMPLE_GRANT,
    EXAMPLE_GRANT_REQUEST,
    EXAMPLE_PRICES,
    EXAMPLE_TRANSACTION,
    BalanceView,
    EndingGrantView,
    GrantRequest,
    GrantView,
    PricesView,
    StatementQuery,
    TransactionsQuery,
    TransactionView,
)
from jobs_service.credits.statement import EXAMPLE_STATEMENT, MEDIA_TYPE, statement
from jobs_service.idempotency.domain import KeyReused, RequestInProgress
from jobs_service.idempotency.header import IdempotencyKey
from shared.db.database import Database
from shared.http.endpoint import endpoint
from shared.http.paging import Cursors, Page, PageQuery
from shared.security.principal import Principal, UserId


@dataclass(frozen=True, slots=True)
class CreditEndpoints:
    """What a caller sees of their account, and what things cost."""

    database: Database
    cursors: Cursors
    grant_cursors: Cursors
    prices: PriceList
    packages: tuple[Package, ...]
    grant_credits: GrantCredits

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
    async def transactions(
        self, query: TransactionsQuery, caller: Principal
    ) -> Page[TransactionView]:
        """Every movement, with the balance after it."""
        after = self.cursors.after_id(query)
        found = await Credits(self.database).entries_of(
            caller.id, query.limit + 1, after, query.which()
        )
        return self.cursors.page(
            [TransactionView.of(entry) for entry in found], query.limit, lambda last: (last.id,)
        )

    @endpoint(
        "GET",
        "/api/credits/statement.csv",
        summary="The caller's credit history as CSV, oldest first",
        description="For spreadsheets: UTF-8 with a byte order mark, RFC 4180, times in UTC. Texts "
        "that would be formulas begin with an apostrophe.",
        tag="credits",
        answers=(MEDIA_TYPE,),
        text_examples={MEDIA_TYPE: EXAMPLE_STATEMENT},
        scope="credits:read",
    )
    async def statement(self, query: StatementQuery, caller: Principal) -> Response:
        """Every movement of the period, with the balance after it."""
        lines = statement(self.database, caller.id, query.which())
        return StreamingResponse(
            _begun(await anext(lines), await anext(lines, b""), lines),
            media_type=MEDIA_TYPE,
            headers={
                "cache-control": "no-store",
                "content-disposition": 'attachment; filename="credits.csv"',
            },
        )

    @endpoint(
        "GET",
        "/api/credits/prices",
        summary="What jobs cost in credits, and credits in money",
        tag="credits",
        example=EXAMPLE_PRICES,
    )
    async def list_prices(self) -> PricesView:
        """The price list and the packages for sale."""
        return PricesView(self.prices, list(self.packages))

    @endpoint(
        "GET",
        "/api/credits/grants",
        summary="The caller's credits that end, the first to be spent first",
        tag="credits",
        example=Page([EXAMPLE_ENDING_GRANT], next_cursor=None),
        scope="credits:read",
    )
    async def list_grants(self, query: PageQuery, caller: Principal) -> Page[EndingGrantView]:
        """They are a part of the balance, and spent before all that does not end."""
        after = (
            self.grant_cursors.decode(query.cursor, tuple[int, datetime, UUID])
            if query.cursor
            else None
        )
        found = await Grants(self.database).list_of(caller.id, query.limit + 1, after)
        return self.grant_cursors.page(
            [EndingGrantView.of(one) for one in found],
            query.limit,
            lambda last: (last.priority, last.expires_at, last.id),
        )

    @endpoint(
        "POST",
        "/api/credits/grants",
        status=201,
        summary="Give a user credits",
        description="The user sees the reason; the ledger keeps who gave them.",
        tag="credits",
        body_example=EXAMPLE_GRANT_REQUEST,
        example=EXAMPLE_GRANT,
        errors=(AccountNotFound, KeyReused, RequestInProgress),
        scope="admin:credits:write",
    )
    async def grant(
        self, body: GrantRequest, caller: Principal, idempotency_key: IdempotencyKey
    ) -> GrantView:
        """They can be spent at once."""
        given = await self.grant_credits(
            caller.id, UserId(body.user_id), body.to_domain(), idempotency_key
        )
        return GrantView.of(given)


async def _begun(*parts: bytes | AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What was read before the answer began, so that a database that is away is an error."""
    for part in parts:
        if isinstance(part, bytes):
            yield part
        else:
            async for line in part:
                yield line
