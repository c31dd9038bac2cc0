"""Tickets in the database."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from auth_service.secrets import hash_of, new_secret
from auth_service.tables import tickets
from auth_service.tickets.domain import Purpose, Ticket, TicketInvalid
from shared.db.executor import Executor
from shared.security.principal import UserId

_BATCH = 5000
_COLUMNS = (
    tickets.c.purpose,
    tickets.c.user_id,
    tickets.c.data,
    tickets.c.attempts,
    tickets.c.created_at,
    tickets.c.expires_at,
)
_IS_THIS = (
    tickets.c.hash == bindparam("token_hash"),
    tickets.c.purpose == bindparam("wanted"),
    tickets.c.expires_at > bindparam("now"),
)

_ISSUE = insert(tickets)
_FIND = select(*_COLUMNS).where(*_IS_THIS).with_for_update()
_REDEEM = delete(tickets).where(*_IS_THIS).returning(*_COLUMNS)
_COUNT_ATTEMPT = (
    update(tickets).where(*_IS_THIS).values(attempts=tickets.c.attempts + 1).returning(*_COLUMNS)
)
_WITHDRAW = delete(tickets).where(
    tickets.c.user_id == bindparam("user"), tickets.c.purpose == bindparam("wanted")
)
_WITHDRAW_ALL = delete(tickets).where(tickets.c.user_id == bindparam("user"))
_LAST_ISSUED = select(func.max(tickets.c.created_at).label("at")).where(
    tickets.c.user_id == bindparam("user"), tickets.c.purpose == bindparam("wanted")
)
_DELETE_EXPIRED = delete(tickets).where(
    tickets.c.hash.in_(
        select(tickets.c.hash)
        .where(tickets.c.expires_at <= bindparam("now"))
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
)


class Tickets:
    """All tickets that are good."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def issue(
        self,
        purpose: Purpose,
        user: UserId | None,
        now: datetime,
        lifetime: timedelta,
        data: dict[str, Any] | None = None,
    ) -> str:
        """A new ticket's secret, to be told to its holder alone."""
        secret = new_secret()
        row = {
            "hash": secret.hash,
            "purpose": purpose,
            "user_id": user,
            "data": data or {},
            "created_at": now,
            "expires_at": now + lifetime,
        }
        await self._executor.run(_ISSUE, row)
        return secret.token

    async def find(self, purpose: Purpose, token: str, now: datetime) -> Ticket:
        """A good ticket, kept for this transaction; raises `TicketInvalid`."""
        return _ticket(await self._executor.one(_FIND, _this(purpose, token, now)))

    async def redeem(self, purpose: Purpose, token: str, now: datetime) -> Ticket:
        """Use a ticket up; raises `TicketInvalid`, also for everybody who comes second."""
        return _ticket(await self._executor.one(_REDEEM, _this(purpose, token, now)))

    async def count_attempt(self, purpose: Purpose, token: str, now: datetime) -> Ticket:
        """Remember a try to use the ticket, which it survives; raises `TicketInvalid`."""
        return _ticket(await self._executor.one(_COUNT_ATTEMPT, _this(purpose, token, now)))

    async def withdraw(self, purpose: Purpose, user: UserId) -> int:
        """Make all tickets of `user` for this purpose useless; how many there were."""
        return await self._executor.run(_WITHDRAW, {"user": user, "wanted": purpose})

    async def withdraw_all(self, user: UserId) -> int:
        """Make all tickets of `user` useless, whatever for; how many there were."""
        return await self._executor.run(_WITHDRAW_ALL, {"user": user})

    async def last_issued(self, purpose: Purpose, user: UserId) -> datetime | None:
        """When the newest unused ticket of `user` for this purpose was issued."""
        row = await self._executor.one(_LAST_ISSUED, {"user": user, "wanted": purpose})
        return row.at if row else None

    async def delete_expired(self, now: datetime) -> int:
        """Delete some tickets whose time is over; how many."""
        return await self._executor.run(_DELETE_EXPIRED, {"now": now})


def _this(purpose: Purpose, token: str, now: datetime) -> dict[str, Any]:
    return {"token_hash": hash_of(token), "wanted": purpose, "now": now}


def _ticket(row: Row[Any] | None) -> Ticket:
    if row is None:
        raise TicketInvalid
    return Ticket(
        Purpose(row.purpose),
        UserId(row.user_id) if row.user_id else None,
        row.data,
        row.attempts,
        row.created_at,
        row.expires_at,
    )
