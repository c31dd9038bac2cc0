"""Files that are to go, by the key of the storage.

A note is written in the transaction that makes its file superfluous, or before a file is written
that might never be needed; it goes when the file is gone, or has found its row. So no file is
left that nothing in the database tells of, whoever dies when.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from auth_service.tables import removals
from shared.db.executor import Executor

BATCH = 100

_new = insert(removals)
_NOTE = _new.on_conflict_do_update(
    index_elements=[removals.c.key], set_={"due_at": _new.excluded.due_at}
)
_IS_NOTE = (removals.c.key == bindparam("file"), removals.c.due_at == bindparam("noted"))
_PUT_OFF = update(removals).where(*_IS_NOTE).values(due_at=bindparam("until"))
_FALL_DUE = (
    update(removals).where(removals.c.key == bindparam("file")).values(due_at=bindparam("until"))
)
_FORGET = delete(removals).where(*_IS_NOTE)
_due = (
    select(removals.c.key)
    .where(removals.c.due_at <= bindparam("now"))
    .order_by(removals.c.due_at)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
    .cte("due")
)
_CLAIM = (
    update(removals)
    .where(removals.c.key == _due.c.key)
    .values(due_at=bindparam("until"))
    .returning(removals.c.key)
)


class Removals:
    """Notes of what is to be removed, and from when on; who changes one says what it told."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def note(self, keys: Iterable[str], due: datetime) -> None:
        """Have these files removed from `due` on."""
        if rows := [{"key": key, "due_at": due} for key in sorted(keys)]:
            await self._executor.run(_NOTE, rows)

    async def put_off(self, key: str, noted: datetime, until: datetime) -> bool:
        """Whether the file may stay until then; not when it is being removed already."""
        params = {"file": key, "noted": noted, "until": until}
        return await self._executor.run(_PUT_OFF, params) == 1

    async def fall_due(self, key: str, now: datetime) -> None:
        """Have the file removed now, if there is a note of it."""
        await self._executor.run(_FALL_DUE, {"file": key, "until": now})

    async def forget(self, key: str, noted: datetime) -> bool:
        """Whether the note was there as it was left, and is no more."""
        return await self._executor.run(_FORGET, {"file": key, "noted": noted}) == 1

    async def claim(self, now: datetime, until: datetime) -> Sequence[str]:
        """Keys of files that are due, `BATCH` at most; nobody else gets them before `until`."""
        rows = await self._executor.all(_CLAIM, {"now": now, "until": until})
        return [row.key for row in rows]
