"""Keeping a caption file as a new track."""

from asyncio import to_thread
from dataclasses import dataclass
from uuid import UUID

import msgspec

from jobs_service.captions.domain import Cue, Transcript
from jobs_service.captions.importing import FileFormat, Imported
from jobs_service.captions.quality import assess
from jobs_service.captions.rules import Audience, rules_for
from jobs_service.captions.track import Track
from jobs_service.idempotency.use_cases import Once
from jobs_service.tracks.domain import CaptionTrack, Content, NewTrack, TooManyTracks
from jobs_service.tracks.repository import Tracks
from jobs_service.tracks.use_cases import content_of, require_found
from jobs_service.videos.use_cases import FindVideo
from shared.db.aliases import Aliases
from shared.db.database import Database, Transaction
from shared.security.principal import UserId


class ImportRequest(msgspec.Struct, frozen=True):
    """What is imported, as a repeated request is told by."""

    video_id: UUID
    language: str
    audience: Audience
    sha256: str


class Reading(msgspec.Struct, frozen=True):
    """How a file was read: `empty` cues were left out, and `late` ones begin after the end of the
    video."""

    format: FileFormat
    encoding: str
    empty: int
    late: int


class ImportedTrack(msgspec.Struct, frozen=True):
    """A new track, and how its file was read."""

    track: CaptionTrack
    content: Content
    reading: Reading


class _Made(msgspec.Struct, frozen=True):
    track_id: UUID
    reading: Reading


@dataclass(frozen=True, slots=True)
class ImportTrack:
    """Keep a caption file as a track of a video, which may be silent; who has `most` tracks imports
    no more."""

    database: Database
    find_video: FindVideo
    most: int

    async def __call__(
        self, owner: UserId, request: ImportRequest, file: Imported, key: str | None
    ) -> ImportedTrack:
        """Raises VideoNotFound, TooManyTracks, and what `Once` does."""
        if known := await Once(owner, key, request, _Made).answered(self.database):
            return await _imported(Tracks(self.database), owner, known)
        video = await self.find_video(owner, request.video_id, with_sound=False)
        new = await to_thread(_new_track, request, file.cues, video.duration_seconds)
        late = sum(cue.start >= video.duration_seconds for cue in file.cues)
        made = _Made(new.id, Reading(file.format, file.encoding, file.empty, late))
        async with self.database.transaction() as tx:
            # alone: two at once could both be the last that is allowed
            owner = await Aliases(tx).owner(owner, alone=True)
            once = Once(owner, key, request, _Made)
            if known := await once.begin(tx):
                return await _imported(Tracks(tx), owner, known)
            await self._require_room(tx, owner)
            await Tracks(tx).add(owner, video.id, new)
            await once.end(tx, made)
            return await _imported(Tracks(tx), owner, made)

    async def _require_room(self, tx: Transaction, owner: UserId) -> None:
        if await Tracks(tx).count_of(owner) >= self.most:
            raise TooManyTracks(f"There may be {self.most}; those that jobs have made count, too.")


def _new_track(request: ImportRequest, cues: tuple[Cue, ...], duration: float) -> NewTrack:
    transcript = Transcript(request.language, "import", duration, ())
    quality = assess(cues, rules_for(request.language, request.audience))
    return NewTrack.of(Track(transcript, cues, quality), request.audience, "imported")


async def _imported(tracks: Tracks, owner: UserId, made: _Made) -> ImportedTrack:
    track = require_found(await tracks.find(owner, made.track_id), made.track_id)
    content = await content_of(tracks, track, track.version)
    return ImportedTrack(track, content, made.reading)
