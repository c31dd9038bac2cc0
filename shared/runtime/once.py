"""Periodic work that one replica does for all: a report, a proof, a pass over everything.

    once_across_replicas("reconcile", 24 * 3600, reconcile, database, clock)

A replica that dies in the middle of it is followed by another as soon as its lease has ended; work
that failed is due at once, for whoever looks next. The schema needs the table of
`shared.db.schedules`. What is claimed row by row needs none of this: all replicas share it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import uuid4

from shared.clock import Clock
from shared.db.away import DatabaseAway
from shared.db.database import Database
from shared.db.schedules import Schedules
from shared.observability.logging import get_logger
from shared.runtime.periodic import periodic
from shared.runtime.service import Component

log = get_logger(__name__)

LEASE = timedelta(seconds=60)
_RENEW_SECONDS = LEASE.total_seconds() / 3
_LOOK_SECONDS = 30.0

Work = Callable[[], Awaitable[object]]


def once_across_replicas(
    name: str, seconds: float, work: Work, database: Database, clock: Clock
) -> Component:
    """A component that does `work` every `seconds`, counted from its begin, in one replica.

    `name` is that of the work among all of the schema, and of the component.
    """
    turn = Turn(name, timedelta(seconds=seconds), work, database, clock)
    return periodic(name, min(seconds, _LOOK_SECONDS), turn.take)


class Turn:
    """One replica's part: it does the work when that is due and nobody else has it in hand."""

    def __init__(
        self, name: str, every: timedelta, work: Work, database: Database, clock: Clock
    ) -> None:
        self._name = name
        self._every = every
        self._work = work
        self._schedules = Schedules(database)
        self._clock = clock
        self._who = uuid4()

    async def take(self) -> bool:
        """Do the work if it is this replica's turn; whether it has been done."""
        began = self._clock.now()
        if not await self._schedules.take(self._name, self._who, began, began + LEASE):
            return False
        done = False
        try:
            done = await self._do(began + LEASE)
        finally:
            if not done:
                await self._give_back()
        if done:
            await self._schedules.end(self._name, self._who, self._clock.now(), began + self._every)
        return done

    async def _do(self, until: datetime) -> bool:
        """Work, and renew the lease meanwhile; False when it was lost, and the work stopped."""
        working = asyncio.ensure_future(self._work())
        try:
            while not (await asyncio.wait({working}, timeout=_RENEW_SECONDS))[0]:
                renewed = await self._renewed()
                until = renewed or until
                if self._clock.now() >= until:
                    log.warning("turn_lost", work=self._name)
                    return False
            await working
        finally:
            working.cancel()
            await asyncio.wait({working})
        return True

    async def _renewed(self) -> datetime | None:
        """Until when the turn lasts now; long ago if it is another's, None if nobody can tell."""
        until = self._clock.now() + LEASE
        try:
            kept = await self._schedules.keep(self._name, self._who, until)
        except DatabaseAway as error:
            log.warning("turn_not_renewed", work=self._name, error=repr(error.__cause__))
            return None
        return until if kept else self._clock.now()

    async def _give_back(self) -> None:
        try:
            await self._schedules.keep(self._name, self._who, self._clock.now())
        except DatabaseAway as error:  # the lease ends by itself
            log.warning("turn_not_given_back", work=self._name, error=repr(error.__cause__))
