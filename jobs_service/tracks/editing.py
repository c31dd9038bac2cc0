"""Changing a track: each change is one transaction, and a new version."""

import re
from asyncio import to_thread
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import msgspec

from jobs_service.captions.cues import MAX_CUES, fault_of, in_order
from jobs_service.captions.domain import Cue
from jobs_service.captions.quality import assess
from jobs_service.captions.rules import rules_for
from jobs_service.tracks.domain import CaptionTrack, Content, CueNotFound, TrackChanged
from jobs_service.tracks.repository import Tracks
from jobs_service.tracks.use_cases import content_of, require_found
from shared.db.aliases import Aliases
from shared.db.database import Database
from shared.errors import FieldError, Invalid, PreconditionFailed
from shared.security.principal import UserId

_FAULTS_NAMED = 20
"""Of many wrong cues, so many are told in one answer."""
_VERSION = re.compile(r"[1-9]\d{0,8}", re.ASCII)

Saved = tuple[CaptionTrack, Content]
_Make = Callable[[tuple[Cue, ...]], tuple[Cue, ...]]
"""What a change makes of the cues of a version."""


class Expected(msgspec.Struct, frozen=True):
    """The version that a client has in mind, by `If-Match` or in the body: if it is not the newest
    any more, nothing is written over what somebody else has saved."""

    if_match: str | None
    version: int | None

    def require_some(self) -> None:
        """Raise `Invalid` when neither is given."""
        if self.if_match is None and self.version is None:
            message = "is required: the version that you have read (or send If-Match)"
            raise Invalid(errors=(FieldError("version", message),))

    def fault(self, track: CaptionTrack) -> PreconditionFailed | TrackChanged | None:
        """What is to be told when the newest version of `track` is another."""
        told = f"The newest version is {track.version}: read it, and apply your change to it."
        known: dict[str, object] = {"current_version": track.version}
        if "*" not in self._tags and track.etag not in self._tags:
            return PreconditionFailed(told, members=known, headers={"etag": track.etag})
        if self.version not in (None, track.version):
            return TrackChanged(told, members=known)
        return None

    @property
    def read(self) -> int | None:
        """The version that was read."""
        tag = self._tags[0].strip('"')
        return self.version or (int(tag) if _VERSION.fullmatch(tag) else None)

    @property
    def _tags(self) -> list[str]:
        return [one.strip() for one in (self.if_match or "*").split(",")]


@dataclass(frozen=True, slots=True)
class EditTrack:
    """Make a new version of a track; `kept` newest ones stay, and the first."""

    database: Database
    kept: int

    async def replace(
        self, owner: UserId, track_id: UUID, cues: tuple[Cue, ...], expected: Expected
    ) -> Saved:
        """The track with other cues; raises Invalid, TrackNotFound, TrackChanged,
        PreconditionFailed."""
        expected.require_some()
        require_right(cues)
        new = in_order(cues)
        async with self._locked(owner, track_id) as (tracks, track):
            return await self._save(tracks, track, expected, lambda _: new)

    async def fix(
        self,
        owner: UserId,
        track_id: UUID,
        number: int,
        mend: Callable[[Cue], Cue],
        expected: Expected,
    ) -> Saved:
        """The track with one cue mended; raises as `replace`, and CueNotFound."""
        expected.require_some()
        async with self._locked(owner, track_id) as (tracks, track):
            return await self._save(
                tracks, track, expected, lambda cues: _mended(cues, number, mend)
            )

    async def restore(
        self, owner: UserId, track_id: UUID, number: int, expected: Expected
    ) -> Saved:
        """The track as it was in an earlier version; raises as `replace`, and VersionNotFound."""
        expected.require_some()
        async with self._locked(owner, track_id) as (tracks, track):
            old = await content_of(tracks, track, number)
            return await self._save(
                tracks, track, expected, lambda _: old.cues, restored_from=number
            )

    @asynccontextmanager
    async def _locked(
        self, owner: UserId, track_id: UUID
    ) -> AsyncIterator[tuple[Tracks, CaptionTrack]]:
        async with self.database.transaction() as tx:
            owner = await Aliases(tx).owner(owner)
            yield Tracks(tx), require_found(await Tracks(tx).lock(owner, track_id), track_id)

    async def _save(
        self,
        tracks: Tracks,
        track: CaptionTrack,
        expected: Expected,
        make: _Make,
        *,
        restored_from: int | None = None,
    ) -> Saved:
        present = await content_of(tracks, track, track.version)
        fault = expected.fault(track)
        if fault is not None and not await _is_done(tracks, track, expected, make, present.cues):
            raise fault
        cues = present.cues if fault is not None else make(present.cues)
        if cues == present.cues:  # nothing to keep apart
            return track, present
        quality = await to_thread(assess, cues, rules_for(track.language, track.audience))
        saved = await tracks.save(track, cues, quality, restored_from=restored_from, kept=self.kept)
        return saved, await content_of(tracks, saved, saved.version)


def require_right(cues: tuple[Cue, ...]) -> None:
    """Raise Invalid that names the wrong cues, the first of many."""
    if len(cues) > MAX_CUES:
        message = f"may hold {MAX_CUES} cues at most; these are {len(cues)}"
        raise Invalid(errors=(FieldError("cues", message),))
    faults = ((at, fault) for at, cue in enumerate(cues) if (fault := fault_of(cue)))
    errors = [
        FieldError(f"cues[{at}].{field}", what)
        for (at, (field, what)), _ in zip(faults, range(_FAULTS_NAMED), strict=False)
    ]
    if errors:
        raise Invalid(errors=tuple(errors))


def _mended(cues: tuple[Cue, ...], number: int, mend: Callable[[Cue], Cue]) -> tuple[Cue, ...]:
    if number > len(cues):
        raise CueNotFound(f"The track has {len(cues)} cues, and no cue {number}.")
    new = mend(cues[number - 1])
    if fault := fault_of(new):
        raise Invalid(errors=(FieldError(*fault),))
    return in_order((*cues[: number - 1], new, *cues[number:]))


async def _is_done(
    tracks: Tracks,
    track: CaptionTrack,
    expected: Expected,
    make: _Make,
    present: tuple[Cue, ...],
) -> bool:
    """Whether the newest version is what the change makes of the one that was read: then it has
    been saved, and the answer was lost (RFC 9110, 13.1.1 lets it be given again)."""
    read = await tracks.content(track.id, expected.read) if expected.read else None
    if read is None:
        return False
    try:
        return make(read.cues) == present
    except (CueNotFound, Invalid):  # the newer version comes first
        return False
