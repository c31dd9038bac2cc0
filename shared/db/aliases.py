"""Owners that turned out to be others: a guest who logs in to an account is its user from then on.

What the guest owned is moved at once, but news about it may come late, and requests of the guest
may be under way. So whoever writes a row for an owner asks for the `owner` first, in the
transaction that writes. The lock that this takes lasts as long: whoever moves what is there waits
for it, and is waited for.

Somebody who is erased owns nothing any more, whatever still comes in for them. What is remembered
of them is a hash of their id, which nobody can tell from it: of its 128 bits, 62 are random.
"""

import hashlib
from typing import Protocol
from uuid import UUID

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    bindparam,
    delete,
    exists,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert

from shared.db.executor import Executor
from shared.errors import Unauthenticated
from shared.security.principal import UserId


def aliases_table(metadata: MetaData) -> Table:
    """Ids of guests, and the users for whom they stand."""
    return Table(
        "aliases",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("stands_for", Uuid, nullable=False),
        Column("since", DateTime(timezone=True), nullable=False, server_default=text("now()")),
        Index("aliases_stands_for", "stands_for"),
    )


def erased_table(metadata: MetaData) -> Table:
    """Hashes of the ids of those who were erased lately."""
    return Table(
        "erased",
        metadata,
        Column("hash", LargeBinary, primary_key=True),
        Column("since", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    )


class OwnerErased(Unauthenticated):
    """The owner has been erased: nothing is kept for them any more."""

    code, title = "owner_erased", "This account has been erased"


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


def create_erased(op: Operations) -> None:
    """Make the table; frozen, as the other."""
    op.execute("""
        CREATE TABLE erased (
            hash bytea PRIMARY KEY,
            since timestamptz NOT NULL DEFAULT now()
        )
    """)
    op.execute("CREATE INDEX aliases_stands_for ON aliases (stands_for)")


_aliases = aliases_table(MetaData())
_erased = erased_table(MetaData())
# The services' schemas may share a database, and with it the keys of advisory locks.
_KEY = func.hashtextextended(func.concat(func.current_schema(), bindparam("key", type_=Text)), 0)
_SHARE = select(func.pg_advisory_xact_lock_shared(_KEY))
_LOCK = select(func.pg_advisory_xact_lock(_KEY))
IS_FREE = """
    pg_try_advisory_xact_lock_shared(
        hashtextextended(current_schema() || {lock}, 0)
    )
"""
"""The lock of `Aliases.owner` in a statement of one's own, if nobody has it alone; `lock` is where
it has the name that `lock_of` gives."""
_IS_ERASED = exists().where(_erased.c.hash == bindparam("owner_hash"))
_FIND = select(
    select(_aliases.c.stands_for)
    .where(_aliases.c.id == bindparam("owner"))
    .scalar_subquery()
    .label("stands_for"),
    _IS_ERASED.label("erased"),
)
_ADD = insert(_aliases).on_conflict_do_nothing()
_STANDING_FOR = select(_aliases.c.id).where(_aliases.c.stands_for == bindparam("owner"))
_REMOVE = delete(_aliases).where(
    (_aliases.c.stands_for == bindparam("owner")) | (_aliases.c.id == bindparam("owner"))
)
_REMEMBER = insert(_erased).on_conflict_do_nothing()
# Far longer than an event or an upload can be under way, and a dead letter be worth a replay.
_FORGET = text("DELETE FROM erased WHERE since < now() - interval '30 days'")
_HASHES = select(_erased.c.hash)


class Aliases:
    """The aliases of one schema, in a transaction."""

    def __init__(self, tx: Executor) -> None:
        self._tx = tx

    async def owner(self, owner: UUID, *, alone: bool = False) -> UserId:
        """Who owns what comes in for `owner`, and will until this transaction ends.

        `alone` keeps everybody else from asking the same meanwhile. Raises `OwnerErased`.
        """
        # in a statement of its own: what the second one sees is read after the lock was given
        await self._tx.run(_LOCK if alone else _SHARE, _key(owner))
        row = await self._tx.one(_FIND, {"owner": owner, "owner_hash": hash_of_id(owner)})
        if row is not None and row.erased:
            raise OwnerErased
        return UserId((row and row.stands_for) or owner)

    async def add(self, guest: UUID, user: UUID) -> None:
        """From now on `guest` stands for `user`; nobody writes for either until this is done.

        Raises `OwnerErased` when `user` is no more, and then nothing has changed.
        """
        for owner in sorted((guest, user)):
            await self._tx.run(_LOCK, _key(owner))
        await self.owner(user, alone=True)
        await self._tx.run(_ADD, {"id": guest, "stands_for": user})

    async def erase(self, owner: UUID) -> list[UserId]:
        """Let nothing be kept for `owner` any more; under which ids there may be something, those
        of guests who turned out to be them included. Nobody writes for these until the end."""
        await self._tx.run(_LOCK, _key(owner))
        guests = [row.id for row in await self._tx.all(_STANDING_FOR, {"owner": owner})]
        for guest in sorted(guests):
            await self._tx.run(_LOCK, _key(guest))
        await self._tx.run(_REMOVE, {"owner": owner})
        everybody = [owner, *guests]
        await self._tx.run(_REMEMBER, [{"hash": hash_of_id(one)} for one in everybody])
        return [UserId(one) for one in everybody]


async def erased_hashes(executor: Executor) -> set[bytes]:
    """Of everybody who was erased lately; those of long ago are forgotten."""
    await executor.run(_FORGET)
    return {row.hash for row in await executor.all(_HASHES)}


def hash_of_id(owner: UUID) -> bytes:
    """What is remembered of an id."""
    return hashlib.sha256(b"madang erased owner " + owner.bytes).digest()


def lock_of(owner: UUID) -> str:
    """The name of the lock of what `owner` has."""
    return f"owner:{owner}"


def _key(owner: UUID) -> dict[str, str]:
    return {"key": lock_of(owner)}
