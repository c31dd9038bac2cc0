"""What owners do with their tracks; each is one transaction, and each change a new version."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import msgspec

from jobs_service.captions.cues import MAX_CUES, fault_of, in_order
from jobs_service.captions.domain import Cue, Transcript
from jobs_service.captions.importing import Imported
from jobs_service.captions.quality import assess
from jobs_service.captions.rules import Audience, rules_for
from jobs_service.captions.track import Track
from jobs_service.idempotency.use_cases import Once
from jobs_service.tracks.domain import (
    CaptionTrack,
    Change,
    Content,
    CueNotFound,
    NewTrack,
    TrackChanged,
    TrackNotFound,
    VersionNotFound,
)
from jobs_service.tracks.repository import Tracks
from jobs_service.videos.use_cases import FindVideo
from shared.db.aliases import Aliases
from shared.db.database import Database, Transaction
from shared.errors import FieldError, Invalid, PreconditionFailed
from shared.security.principal import UserId

_FAULTS_NAMED = 20
"""Of many wrong cues, so many are told in one answer."""

Saved = tuple[CaptionTrack, Content]


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

    def require(self, track: CaptionTrack) -> None:
        """Raise PreconditionFailed or TrackChanged."""
        told = f"The newest version is {track.version}: read it, and apply your change to it."
        known: dict[str, object] = {"current_version": track.version}
        tags = [one.strip() for one in (self.if_match or "*").split(",")]
        if "*" not in tags and track.etag not in tags:
            raise PreconditionFailed(told, members=known, headers={"etag": track.etag})
        if self.version not in (None, track.version):
            raise TrackChanged(told, members=known)


@dataclass(frozen=True, slots=True)
class FindTrack:
    """One track of its owner, as it is now or was."""

    database: Database

    async def __call__(self, owner: UserId, track_id: UUID) -> CaptionTrack:
        """Raises TrackNotFound."""
        return _found(await Tracks(self.database).find(owner, track_id), track_id)

    async def content(self, track: CaptionTrack, number: int | None = None) -> Content:
        """A version of the track, by default the newest; raises VersionNotFound."""
        wanted = number or track.version
        content = await Tracks(self.database).content(track.id, wanted)
        if content is None:
            raise VersionNotFound(
                f"The track keeps no version {wanted}; its newest is {track.version}."
            )
        return content

    async def file(self, track: CaptionTrack, number: int | None = None) -> Track:
        """All that a file of one version says; raises VersionNotFound."""
        content = await self.content(track, number)
        transcript = await Tracks(self.database).transcript(track.id)
        return Track(transcript, content.cues, content.version.quality)


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
        return await self._save(owner, track_id, expected, "edited", lambda _: in_order(cues))

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

        def mended(cues: tuple[Cue, ...]) -> tuple[Cue, ...]:
            if number > len(cues):
                raise CueNotFound(f"The track has {len(cues)} cues, and no cue {number}.")
            new = mend(cues[number - 1])
            if fault := fault_of(new):
                raise Invalid(errors=(FieldError(*fault),))
            return in_order((*cues[: number - 1], new, *cues[number:]))

        return await self._save(owner, track_id, expected, "edited", mended)

    async def restore(
        self, owner: UserId, track_id: UUID, number: int, expected: Expected
    ) -> Saved:
        """The track as it was in an earlier version; raises as `replace`, and VersionNotFound."""
        find = FindTrack(self.database)
        old = await find.content(await find(owner, track_id), number)
        return await self._save(
            owner, track_id, expected, "restored", lambda _: old.cues, restored_from=number
        )

    async def _save(
        self,
        owner: UserId,
        track_id: UUID,
        expected: Expected,
        change: Change,
        make: Callable[[tuple[Cue, ...]], tuple[Cue, ...]],
        *,
        restored_from: int | None = None,
    ) -> Saved:
        async with self.database.transaction() as tx:
            tracks = Tracks(tx)
            owner = await Aliases(tx).owner(owner)
            track = _found(await tracks.lock(owner, track_id), track_id)
            expected.require(track)
            present = await _newest(tx, track)
            cues = make(present.cues)
            if cues == present.cues:  # nothing to keep apart
                return track, present
            quality = assess(cues, rules_for(track.language, track.audience))
            saved = await tracks.save(
                track, cues, quality, change, restored_from=restored_from, kept=self.kept
            )
            return saved, await _newest(tx, saved)


class ImportRequest(msgspec.Struct, frozen=True):
    """What is imported, as a repeated request is told by."""

    video_id: UUID
    language: str
    audience: Audience
    sha256: str


class ImportedTrack(msgspec.Struct, frozen=True):
    """A new track, and how its file was read."""

    track: CaptionTrack
    content: Content
    file: Imported
    late: int
    """Cues that begin after the end of the video."""


@dataclass(frozen=True, slots=True)
class ImportTrack:
    """Keep a caption file as a track of a video, which may be silent."""

    database: Database
    find_video: FindVideo

    async def __call__(
        self, owner: UserId, request: ImportRequest, file: Imported, key: str | None
    ) -> ImportedTrack:
        """Raises VideoNotFound, and what `Once` does."""
        once = Once(owner, key, request, ImportedTrack)
        if known := await once.answered(self.database):
            return known
        video = await self.find_video(owner, request.video_id, with_sound=False)
        new = _imported(request, file.cues, video.duration_seconds)
        late = sum(cue.start >= video.duration_seconds for cue in file.cues)
        async with self.database.transaction() as tx:
            owner = await Aliases(tx).owner(owner)
            once = Once(owner, key, request, ImportedTrack)
            if known := await once.begin(tx):
                return known
            await Tracks(tx).add(owner, video.id, new)
            track = _found(await Tracks(tx).find(owner, new.id), new.id)
            content = await _newest(tx, track)
            answer = ImportedTrack(track, content, file, late)
            await once.end(tx, msgspec.structs.replace(answer, file=_without_cues(file)))
        return answer


@dataclass(frozen=True, slots=True)
class DeleteTrack:
    """Delete a track with all its versions; jobs that work on it find that it is gone."""

    database: Database

    async def __call__(self, owner: UserId, track_id: UUID) -> None:
        """Raises TrackNotFound."""
        if not await Tracks(self.database).delete(owner, track_id):
            raise _missing(track_id)


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


async def _newest(tx: Transaction, track: CaptionTrack) -> Content:
    content = await Tracks(tx).content(track.id, track.version)
    if content is None:
        raise RuntimeError(f"track {track.id} has lost its version {track.version}")
    return content


def _imported(request: ImportRequest, cues: tuple[Cue, ...], duration: float) -> NewTrack:
    transcript = Transcript(request.language, "import", duration, ())
    quality = assess(cues, rules_for(request.language, request.audience))
    return NewTrack.of(Track(transcript, cues, quality), request.audience, "imported")


def _without_cues(file: Imported) -> Imported:
    return msgspec.structs.replace(file, cues=())


def _found(track: CaptionTrack | None, track_id: UUID) -> CaptionTrack:
    if track is None:
        raise _missing(track_id)
    return track


def _missing(track_id: UUID) -> TrackNotFound:
    return TrackNotFound(f"No caption track of yours has the id {track_id}.")
