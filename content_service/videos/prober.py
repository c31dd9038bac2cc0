"""Examines stored videos in the background, one claim at a time, however often a process dies.

The row is the queue: a claim takes a lease that is renewed while the child works; a claim whose
process was killed is taken up again when the lease ends, and given up after three attempts.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec

from content_service.events import VideoReady
from content_service.videos.domain import (
    EMPTYING,
    PROBE_ATTEMPTS,
    MediaFacts,
    Poster,
    Reason,
    Video,
    permanent_key,
    poster_key,
)
from content_service.videos.limits import Limits as PlanLimits
from content_service.videos.media_types import demuxer_of
from content_service.videos.probe_messages import ProbeResult, ProbeTask
from content_service.videos.repository import Videos
from content_service.videos.use_cases import RemoveFile
from shared.clock import Clock
from shared.db.away import DatabaseAway
from shared.db.database import Database
from shared.observability.logging import get_logger
from shared.runtime.children import (
    ChildError,
    ChildFailed,
    ChildOutOfMemory,
    ChildTimedOut,
    Limits,
    run_child,
)
from shared.runtime.service import Ready
from shared.runtime.waiting import happens_within
from shared.storage.scratch import Scratch
from shared.storage.storage import NoSuchObject, Storage, StorageUnavailable

log = get_logger(__name__)

LEASE = timedelta(seconds=30)
LANES = 2
"""Videos examined at the same time: a slow one does not hold up the others."""
MAX_STREAMS = 32
CHILD: Final = "content_service.videos.probe_child"
CHILD_LIMITS = Limits(memory_bytes=1 << 30, cpu_seconds=60, wall_seconds=180)
_RENEW_SECONDS = LEASE.total_seconds() / 3
_POLL_SECONDS = 5.0
_AWAY_PAUSE = timedelta(seconds=10)

_TOO_COMPLEX = Reason("too_complex", "Examining the file takes more time or memory than allowed.")
_UNREADABLE = Reason("unreadable", f"Examining the file failed {PROBE_ATTEMPTS} times.")
_FILE_LOST = Reason("file_lost", "The file is no longer in the storage; upload it again.")


@dataclass(frozen=True, slots=True)
class _Later:
    """Nothing was found out: another attempt is due; `counted` when the file may be at fault."""

    pause: timedelta
    counted: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """The file can be used; its poster, a JPEG file, is not stored yet."""

    facts: MediaFacts
    jpeg: bytes | None


@dataclass(frozen=True, slots=True)
class _Sound:
    """The file can be used, and its poster has been stored."""

    facts: MediaFacts
    poster: Poster | None


class _Lost(Exception):  # noqa: N818 - reads as what it is
    """The claim is another's, or the video is no more."""


_Outcome = _Found | Reason | _Later
_Settled = _Sound | Reason | _Later


class Prober:
    """Takes videos from `stored` to `ready` or `rejected`, by the limits of its plan; looks when it
    is `woken`."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        clock: Clock,
        remove_file: RemoveFile,
        limits: PlanLimits,
        woken: asyncio.Event,
    ) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock
        self._remove_file = remove_file
        self._limits = limits
        self.scratch = Scratch("probe")
        self._woken = woken

    async def run(self, ready: Ready) -> None:
        """Examine until cancelled; what is under way then is given back at once."""
        ready()
        async with asyncio.TaskGroup() as lanes:
            for _ in range(LANES):
                lanes.create_task(self._lane())

    async def _lane(self) -> None:
        while True:
            try:
                found = await self.probe_next()
            except DatabaseAway as error:
                log.warning("prober_held_up", error=repr(error.__cause__))
                found = False
            if not found:
                await self._rest()

    async def _rest(self) -> None:
        await happens_within(_POLL_SECONDS, self._woken)
        self._woken.clear()

    async def probe_next(self) -> bool:
        """Examine one video that waits; whether there was one."""
        now = self._clock.now()
        claim = await Videos(self._database).claim(now, now + LEASE)
        if claim is None:
            return False
        try:
            await self._settle(claim, await self._keep_poster(claim, await self._outcome(claim)))
        except asyncio.CancelledError:
            await self._settle(claim, _Later(timedelta(), counted=False))
            raise
        except _Lost:
            await self._leave_nothing(claim)
        return True

    async def _outcome(self, claim: Video) -> _Outcome:
        if claim.attempts > PROBE_ATTEMPTS:
            return _UNREADABLE
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(self._renew(claim))
            try:
                return await self._examine(claim)
            finally:
                renewing.cancel()

    async def _renew(self, claim: Video) -> None:
        """Keep the lease until cancelled, or until it is lost: the result is then not written."""
        held = True
        while held:
            await asyncio.sleep(_RENEW_SECONDS)
            try:
                until = self._clock.now() + LEASE
                held = await Videos(self._database).prolong_claim(claim, until)
            except DatabaseAway as error:
                cause = repr(error.__cause__)
                log.warning("lease_not_renewed", video_id=str(claim.id), error=cause)

    async def _examine(self, claim: Video) -> _Outcome:
        try:
            async with self._local_file(claim) as path:
                return await self._probe(path, claim)
        except NoSuchObject:
            log.exception("video_file_lost", video_id=str(claim.id))
            return _FILE_LOST
        except (ChildTimedOut, ChildOutOfMemory) as error:
            log.info("video_too_complex", video_id=str(claim.id), error=str(error))
            return _TOO_COMPLEX
        except ChildError as error:
            log.warning("probe_failed", video_id=str(claim.id), error=str(error))
            return _Later(timedelta(seconds=claim.attempts), counted=True)
        except (StorageUnavailable, OSError) as error:
            log.warning("probe_postponed", video_id=str(claim.id), error=str(error))
            return _Later(_AWAY_PAUSE, counted=False)

    async def _probe(self, path: Path, claim: Video) -> _Found | Reason:
        task = ProbeTask(
            path=str(path),
            demuxer=demuxer_of(claim.content_type),
            max_seconds=self._limits.named(claim.plan).max_seconds,
            max_streams=MAX_STREAMS,
        )
        answer = await run_child(CHILD, msgspec.json.encode(task), limits=CHILD_LIMITS)
        result = msgspec.json.decode(answer, type=ProbeResult)
        if result.rejection is not None:
            return result.rejection
        if result.facts is None:
            raise ChildFailed("The probe answered nothing", 0, "")
        return _Found(result.facts, result.poster)

    async def _keep_poster(self, claim: Video, found: _Outcome) -> _Settled:
        if not isinstance(found, _Found):
            return found
        if found.jpeg is None:
            return _Sound(found.facts, None)
        try:
            return _Sound(found.facts, await self._store_poster(claim, found.jpeg))
        except StorageUnavailable as error:
            log.warning("poster_postponed", video_id=str(claim.id), error=str(error))
            return _Later(_AWAY_PAUSE, counted=False)

    async def _store_poster(self, claim: Video, jpeg: bytes) -> Poster:
        """Before the row speaks of it. The lease is renewed first: whoever deletes the video
        meanwhile comes back for what is stored before the lease has ended."""
        if not await Videos(self._database).prolong_claim(claim, self._clock.now() + LEASE):
            raise _Lost
        async with self._storage.writer(poster_key(claim.id)) as writer:
            await writer.write(jpeg)
        return Poster(len(jpeg), hashlib.sha256(jpeg).hexdigest())

    @asynccontextmanager
    async def _local_file(self, video: Video) -> AsyncIterator[Path]:
        """The file of a video: where the storage has it, else a copy that is removed after."""
        key = permanent_key(video.id)
        if (path := self._storage.local_path(key)) is not None:
            await self._storage.head(key)
            yield path
            return
        with self.scratch.file() as (copy, path):
            async for block in self._storage.read(key, 0, video.size_bytes):
                await asyncio.to_thread(copy.write, block)
            yield path

    async def _settle(self, claim: Video, outcome: _Settled) -> None:
        """Write the outcome; raises `_Lost` when the claim was lost or the video deleted."""
        now = self._clock.now()
        match outcome:
            case _Later(pause, counted):
                attempts = claim.attempts if counted else claim.attempts - 1
                await Videos(self._database).give_back(claim, now + pause, attempts)
            case Reason() as reason:
                if not await Videos(self._database).reject(claim, reason, now + EMPTYING):
                    raise _Lost
                log.info("video_rejected", video_id=str(claim.id), reason=reason.code)
                await self._remove_file.now_or_later(claim.id)
            case _Sound(facts, poster):
                await self._make_ready(claim, facts, poster)

    async def _make_ready(self, claim: Video, facts: MediaFacts, poster: Poster | None) -> None:
        async with self._database.transaction() as tx:
            video = await Videos(tx).make_ready(claim, facts, self._clock.now(), poster)
            if video is None:
                raise _Lost
            tx.announce(
                VideoReady(
                    video_id=video.id,
                    owner_id=video.owner_id,
                    duration_seconds=facts.duration_seconds,
                    has_audio=facts.has_audio,
                    expires_at=video.expires_at,
                    revision=video.revision,
                    has_picture=facts.width is not None,
                )
            )

    async def _leave_nothing(self, claim: Video) -> None:
        """Remove what was stored for a video that has been deleted; another's claim goes on."""
        if not await Videos(self._database).is_of_use(claim.id):
            await self._remove_file.now_or_later(claim.id)
