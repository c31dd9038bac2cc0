"""Owners that turned out to be others: a guest who logs in to an account is its user from then on.

What the guest owned is moved at once, but news about it may come late, and requests of the guest
may be under way. So whoever writes a row for an owner asks for the `owner` first, in the
transaction that writes. The lock that this takes lasts as long: whoever moves what is there waits
for it, and is waited for.
"""

from typing import Protocol
from uuid import UUID

from sqlalchemy import (
    Column,
    DateTime,
    MetaData,
    Table,
    Text,
    Uuid,
    bindparam,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert

from shared.db.executor import Executor
from shared.security.principal import UserId


def aliases_table(metadata: MetaData) -> Table:
    """Ids of guests, and the users for whom they stand."""
    return Table(
        "aliases",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("stands_for", Uuid, nullable=False),
        Column("since", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    )


class Operations(Protocol):
    """The part of Alembic's `op` that is used here."""

    def execute(self, sqltext: str) -> None:
        """Run one statement."""
        ...


def create_aliases(op: Operations) -> None:
    """Make the table; frozen, since migrations that have run do not change."""
    op.execute("""
        CREATE TABLE aliases (
            id uuid PRIMARY KEY,
            stands_for uuid NOT NULL,
            since timestamptz NOT NULL DEFAULT now()
        )
    """)


_aliases = aliases_table(MetaData())
# The services' schemas may share a database, and with it the keys of advisory locks.
_KEY = func.hashtextextended(func.concat(func.current_schema(), bindparam("key", type_=Text)), 0)
_SHARE = select(func.pg_advisory_xact_lock_shared(_KEY))
_LOCK = select(func.pg_advisory_xact_lock(_KEY))
_FIND = select(_aliases.c.stands_for).where(_aliases.c.id == bindparam("owner"))
_ADD = insert(_aliases).on_conflict_do_nothing()


class Aliases:
    """The aliases of one schema, in a transaction."""

    def __init__(self, tx: Executor) -> None:
        self._tx = tx

    async def owner(self, owner: UUID, *, alone: bool = False) -> UserId:
        """Who owns what comes in for `owner`, and will until this transaction ends.

        `alone` keeps everybody else from asking the same meanwhile.
        """
        # in a statement of its own: what the second one sees is read after the lock was given
        await self._tx.run(_LOCK if alone else _SHARE, _key(owner))
        row = await self._tx.one(_FIND, {"owner": owner})
        return UserId(row.stands_for if row else owner)

    async def add(self, guest: UUID, user: UUID) -> None:
        """From now on `guest` stands for `user`; nobody writes for either until this is done."""
        for owner in sorted((guest, user)):
            await self._tx.run(_LOCK, _key(owner))
        await self._tx.run(_ADD, {"id": guest, "stands_for": user})


def _key(owner: UUID) -> dict[str, str]:
    return {"key": f"owner:{owner}"}
