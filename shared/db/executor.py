"""What executes statements, as repositories see it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Executable, Row

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class Executor(Protocol):
    """What a repository needs: a transaction, or the database itself for a lone read."""

    async def one(self, statement: Executable, params: Parameters | None = None) -> Row[Any] | None:
        """The first row, or None."""
        ...

    async def all(
        self, statement: Executable, params: Parameters | None = None
    ) -> Sequence[Row[Any]]:
        """Every row."""
        ...

    async def run(self, statement: Executable, params: Parameters | None = None) -> int:
        """Execute and return the number of rows affected."""
        ...
