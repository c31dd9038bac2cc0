"""Profiles in the database: beside what `Accounts` does, who uses which avatar."""

from collections.abc import Sequence

from sqlalchemy import ARRAY, Text, bindparam, select

from auth_service.tables import users
from shared.db.executor import Executor

_IN_USE = select(users.c.avatar).where(
    users.c.avatar == bindparam("names", type_=ARRAY(Text)).any_()
)


class Profiles:
    """Everybody's profiles."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def avatars_in_use(self, names: Sequence[str]) -> set[str]:
        """Those of `names` that some account has as its avatar."""
        rows = await self._executor.all(_IN_USE, {"names": list(names)})
        return {row.avatar for row in rows}
