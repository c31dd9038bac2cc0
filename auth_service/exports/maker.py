"""Makes archives in the background, one claim at a time, however often a process dies.

The row is the queue. A claim takes a lease that is renewed meanwhile; what a killed process had in
hand is taken up again when the lease ends. Before an archive is stored its key is noted for
removal, and the note goes in the transaction that makes the export ready: whatever ends in between,
the account's erasure included, leaves no file that nobody knows of.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from auth_service.accounts.repository import Accounts
from auth_service.exports.archive import Archive
from auth_service.exports.collecting import Source, SourceAway, collect
from auth_service.exports.domain import ATTEMPTS, KEPT_FOR, LEASE, PAUSES, Export
from auth_service.exports.repository import Exports
from auth_service.mail.domain import Letter, Template
from auth_service.mail.use_cases import WriteLetter
from auth_service.removals.repository import Removals
from shared.clock import Clock
from shared.db.away import DatabaseAway
from shared.db.database import Database, Transaction
from shared.errors import Problem, Unavailable
from shared.observability.logging import get_logger
from shared.runtime.service import Ready
from shared.runtime.waiting import happens_within
from shared.storage.scratch import Scratch
from shared.storage.storage import Storage

log = get_logger(__name__)

README = (Path(__file__).parent / "README.txt").read_bytes()
_RENEW_SECONDS = LEASE.total_seconds() / 4
_POLL_SECONDS = 5.0
_BLOCK_BYTES = 1024 * 1024
_SPARE = timedelta(minutes=1)
"""How much later than the claim the note about its file falls due."""


class ExportLost(Exception):  # noqa: N818 - a fact, not a fault
    """The claim is no longer ours, or the account is erased: what was made is void."""


@dataclass(slots=True)
class _Work:
    """A claim while it is worked on; `noted` is what the note about its file says."""

    claim: Export
    noted: datetime | None = None


class ExportMaker:
    """Takes exports from `queued` to `ready` or `failed`."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        scratch: Scratch,
        sources: Sequence[Source],
        write_letter: WriteLetter,
        clock: Clock,
    ) -> None:
        self.scratch = scratch
        self._database = database
        self._storage = storage
        self._sources = sources
        self._write_letter = write_letter
        self._clock = clock
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look for an export now: somebody has just asked for one."""
        self._woken.set()

    async def run(self, ready: Ready) -> None:
        """Make exports until cancelled; what is under way then waits for another process."""
        ready()
        while True:
            try:
                found = await self.make_next()
            except DatabaseAway as error:
                log.warning("exports_held_up", error=repr(error.__cause__))
                found = False
            if not found:
                await happens_within(_POLL_SECONDS, self._woken)
                self._woken.clear()

    async def make_next(self) -> bool:
        """Make one export that waits; whether there was one."""
        now = self._clock.now()
        claim = await Exports(self._database).claim(now, now + LEASE)
        if claim is None:
            return False
        if claim.attempts > ATTEMPTS:  # each of those before has died of it
            await self._fail(claim, "too_many_attempts")
            return True
        log.info("export_begun", export_id=str(claim.id), attempt=claim.attempts)
        try:
            await self._make(_Work(claim))
        except asyncio.CancelledError:
            await self._give_back(claim, self._clock.now())
            raise
        except Exception as error:
            cause = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
            if isinstance(cause, DatabaseAway):
                raise cause from error
            expected = isinstance(cause, ExportLost | Unavailable)
            log.warning(
                "export_not_made",
                export_id=str(claim.id),
                error=repr(cause),
                exc_info=None if expected else error,
            )
            if not isinstance(cause, ExportLost):
                await self._put_off(claim, _reason(cause))
        return True

    async def _make(self, work: _Work) -> None:
        user = work.claim.user_id
        with self.scratch.file() as (file, path):
            async with asyncio.TaskGroup() as group:
                renewing = group.create_task(self._renew(work))
                with Archive.written_to(file, str(user), self._clock.now()) as archive:
                    await archive.add("README.txt", README)
                    for source in self._sources:
                        await collect(source, user, archive)
                    await archive.finish()
                size = file.tell()
                await self._store(work, path)
                renewing.cancel()
        await self._finish(work, size)

    async def _store(self, work: _Work, path: Path) -> None:
        noted = self._clock.now() + LEASE + _SPARE
        async with self._database.transaction() as tx:
            if not await Exports(tx).hold(work.claim):
                raise ExportLost
            await Removals(tx).note([work.claim.key], noted)
        work.noted = noted
        with await asyncio.to_thread(path.open, "rb") as file:
            async with self._storage.writer(work.claim.key) as writer:
                while block := await asyncio.to_thread(file.read, _BLOCK_BYTES):
                    await writer.write(block)

    async def _renew(self, work: _Work) -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            until = self._clock.now() + LEASE
            async with self._database.transaction() as tx:
                if not await Exports(tx).prolong(work.claim, until):
                    raise ExportLost
                noted = work.noted
                if noted is not None:
                    later = until + _SPARE
                    if not await Removals(tx).put_off(work.claim.key, noted, later):
                        raise ExportLost
            if noted is not None:
                work.noted = later

    async def _finish(self, work: _Work, size: int) -> None:
        claim, now = work.claim, self._clock.now()
        async with self._database.transaction() as tx:
            # First the owner, whom the letter names, and then the export: as who asks for the next
            # one does, or the two would wait for each other.
            if not await Exports(tx).lock_owner(claim.user_id):
                raise ExportLost
            if not await Exports(tx).make_ready(claim, size, now, now + KEPT_FOR):
                raise ExportLost
            if work.noted is None or not await Removals(tx).forget(claim.key, work.noted):
                raise ExportLost
            await self._tell(tx, claim, now + KEPT_FOR)
        log.info("export_ready", export_id=str(claim.id), bytes=size)

    async def _tell(self, tx: Transaction, claim: Export, until: datetime) -> None:
        account = await Accounts(tx).find(claim.user_id)
        if account is not None and account.email is not None:
            values = {"handle": account.handle, "until": f"{until:%Y-%m-%d}"}
            letter = Letter(Template.EXPORT_READY, account.email, account.language, values)
            await self._write_letter(tx, letter, claim.user_id)

    async def _put_off(self, claim: Export, reason: str) -> None:
        if claim.attempts >= ATTEMPTS:
            await self._fail(claim, reason)
        else:
            pause = PAUSES[min(claim.attempts, len(PAUSES)) - 1]
            await self._give_back(claim, self._clock.now() + pause)

    async def _give_back(self, claim: Export, until: datetime) -> None:
        async with self._database.transaction() as tx:
            await Exports(tx).prolong(claim, until)
            await Removals(tx).fall_due(claim.key, self._clock.now())

    async def _fail(self, claim: Export, reason: str) -> None:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            await Exports(tx).fail(claim, reason, now)
            await Removals(tx).fall_due(claim.key, now)
        log.error("export_failed", export_id=str(claim.id), reason=reason)


def _reason(error: BaseException) -> str:
    if isinstance(error, SourceAway):
        return error.reason
    return error.code if isinstance(error, Problem) else "internal_error"
