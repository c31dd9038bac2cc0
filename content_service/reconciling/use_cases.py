"""Makes the store and the table agree, in both directions, and tells what it found.

Objects come in the store's order and rows in that of their ids, a page at a time: memory does not
grow with their number. What may be removed is decided by a look at the table after the object was
seen in the store. Since a row is there before the first byte, and no id is used twice, an object
that nobody claims then will never be claimed.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from content_service.events import VideoLost
from content_service.reconciling.domain import (
    GRACE,
    PREFIXES,
    REMEMBERED,
    VIDEOS,
    Findings,
    Kept,
    Outcome,
    Report,
    Tally,
    name_in,
)
from content_service.reconciling.repository import PAGE, Holdings, Reports
from content_service.videos.domain import VideoId
from shared.clock import Clock
from shared.db.database import Database
from shared.observability.logging import get_logger
from shared.storage.storage import NoSuchObject, Storage, StoredObject

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reconcile:
    """One pass: a survey, and what is to be done about it."""

    database: Database
    storage: Storage
    clock: Clock

    async def __call__(self, *, dry_run: bool = False, even_if_most: bool = False) -> Report:
        """Raises `StorageUnavailable`. A dry run changes nothing; a survey in doubt changes nothing
        either, unless it is to be repaired `even_if_most` goes."""
        started = self.clock.now()
        findings = await self._survey(started)
        doubt = None if even_if_most else findings.doubt
        removed, marked = Tally(), Tally()
        if not (dry_run or doubt):
            removed, marked = await self._remove(findings, started), await self._mark(findings)
        report = Report(
            started_at=started,
            finished_at=self.clock.now(),
            dry_run=dry_run,
            outcome=_outcome(findings, repaired=not dry_run, doubt=doubt),
            findings=findings,
            removed=removed,
            marked=marked,
            doubt=doubt,
        )
        await Reports(self.database).add(report, started - REMEMBERED)
        _tell(report)
        return report

    async def _survey(self, now: datetime) -> Findings:
        findings = Findings()
        async for one in self._unclaimed(now, findings.objects):
            findings.unclaimed.add(one.key, one.size)
        async for kept, size in self._unlike(findings.videos):
            tally = findings.lost if size is None else findings.resized
            tally.add(kept.key, kept.size_bytes)
        return findings

    async def _remove(self, findings: Findings, now: datetime) -> Tally:
        """Remove what nobody claims; the store is looked through again, not remembered."""
        removed = Tally()
        if findings.unclaimed.count:
            async for one in self._unclaimed(now, Tally()):
                await self.storage.delete(one.key)
                removed.add(one.key, one.size)
        return removed

    async def _mark(self, findings: Findings) -> Tally:
        """Reject videos whose file is not there, and say so."""
        marked = Tally()
        if findings.lost.count:
            async for kept, size in self._unlike(Tally()):
                if size is None and await self._is_lost(kept) and await self._mark_lost(kept):
                    marked.add(kept.key, kept.size_bytes)
        return marked

    async def _is_lost(self, kept: Kept) -> bool:
        try:
            await self.storage.head(kept.key)
        except NoSuchObject:
            return True
        return False

    async def _mark_lost(self, kept: Kept) -> bool:
        async with self.database.transaction() as tx:
            found = await Holdings(tx).mark_lost(kept, self.clock.now())
            if found is None:
                return False
            owner, revision = found
            tx.announce(VideoLost(VideoId(kept.id), owner, revision))
        return True

    async def _unclaimed(self, now: datetime, seen: Tally) -> AsyncIterator[StoredObject]:
        """Objects of nobody that are older than the grace; all are counted as `seen`."""
        for prefix in PREFIXES:
            async for page in _pages(self.storage.list(prefix)):
                for one in page:
                    seen.add(one.key, one.size)
                old = [one for one in page if one.modified <= now - GRACE]
                for one in await self._of_nobody(prefix, old):
                    yield one

    async def _of_nobody(self, prefix: str, page: list[StoredObject]) -> list[StoredObject]:
        names = {one.key: name_in(one.key, prefix) for one in page}
        holdings = await Holdings(self.database).of({name for name in names.values() if name})

        def is_claimed(key: str) -> bool:
            name = names[key]
            return name in holdings and holdings[name].claims(prefix)

        return [one for one in page if not is_claimed(one.key)]

    async def _unlike(self, seen: Tally) -> AsyncIterator[tuple[Kept, int | None]]:
        """Videos whose file has another size, or none; all are counted as `seen`."""
        after = None
        while page := await Holdings(self.database).kept(after):
            after = page[-1].id
            sizes = await self.storage.sizes(VIDEOS, [str(one.id) for one in page])
            for one in page:
                seen.add(one.key, one.size_bytes)
                size = sizes.get(str(one.id))
                if size != one.size_bytes:
                    yield one, size


async def _pages(objects: AsyncIterator[StoredObject]) -> AsyncIterator[list[StoredObject]]:
    page: list[StoredObject] = []
    async for one in objects:
        page.append(one)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


def _outcome(findings: Findings, *, repaired: bool, doubt: str | None) -> Outcome:
    if doubt:
        return "refused"
    if findings.agree:
        return "agrees"
    return "repaired" if repaired else "differs"


def _tell(report: Report) -> None:
    """One line of log for each pass; what somebody should look at is a warning."""
    found = report.findings
    tell = log.info if report.outcome == "agrees" else log.warning
    tell(
        "reconciled",
        outcome=report.outcome,
        dry_run=report.dry_run,
        objects=found.objects.count,
        bytes=found.objects.bytes,
        videos=found.videos.count,
        unclaimed=found.unclaimed.count,
        lost=found.lost.count,
        resized=found.resized.count,
        removed=report.removed.count,
        marked=report.marked.count,
        doubt=report.doubt,
    )
