"""Whose turn it is to do what only one replica does at a time, and when it is due again."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy import Column, DateTime, MetaData, Table, Text, Uuid, and_, bindparam, update
from sqlalchemy.dialects.postgresql import insert

from shared.db.executor import Executor


def schedules_table(metadata: MetaData) -> Table:
    """A row for each work: `holder` has it in hand until `lease_until`, unless it is renewed."""
    return Table(
        "schedules",
        metadata,
        Column("name", Text, primary_key=True),
        Column("due_at", DateTime(timezone=True), nullable=False),
        Column("lease_until", DateTime(timezone=True), nullable=False),
        Column("holder", Uuid, nullable=False),
    )


class Operations(Protocol):
    """The part of Alembic's `op` that is used here."""

    def execute(self, sqltext: str) -> None:
        """Run one statement."""
        ...


def create_schedules(op: Operations) -> None:
    """Make the table; frozen, since migrations that have run do not change."""
    op.execute("""
        CREATE TABLE schedules (
            name text PRIMARY KEY,
            due_at timestamptz NOT NULL,
            lease_until timestamptz NOT NULL,
            holder uuid NOT NULL
        )
    """)


_schedules = schedules_table(MetaData())
_NEW = insert(_schedules).values(
    name=bindparam("work"),
    due_at=bindparam("now"),
    lease_until=bindparam("until"),
    holder=bindparam("who"),
)
_IS_FREE = _schedules.c.due_at <= bindparam("now"), _schedules.c.lease_until <= bindparam("now")
_TAKE = _NEW.on_conflict_do_update(
    index_elements=["name"],
    set_={"lease_until": _NEW.excluded.lease_until, "holder": _NEW.excluded.holder},
    where=and_(*_IS_FREE),
).returning(_schedules.c.name)
_IS_HELD = (_schedules.c.name == bindparam("work")) & (_schedules.c.holder == bindparam("who"))
_KEEP = update(_schedules).where(_IS_HELD).values(lease_until=bindparam("until"))
_END = _KEEP.values(due_at=bindparam("next"))


class Schedules:
    """The turns of one schema."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def take(self, work: str, who: UUID, now: datetime, until: datetime) -> bool:
        """Whether the work is due, and nobody else has it in hand; it is then that of `who`."""
        params = {"work": work, "who": who, "now": now, "until": until}
        return await self._executor.one(_TAKE, params) is not None

    async def keep(self, work: str, who: UUID, until: datetime) -> bool:
        """Prolong the turn, or give it back at once; False when it has passed to another."""
        return await self._executor.run(_KEEP, {"work": work, "who": who, "until": until}) == 1

    async def end(self, work: str, who: UUID, now: datetime, due: datetime) -> None:
        """The work is done, and due again at `due`."""
        await self._executor.run(_END, {"work": work, "who": who, "until": now, "next": due})
