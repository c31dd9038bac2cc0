"""Caption tracks and their versions: each change is a new version, and none is written over."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

import msgspec

from jobs_service.captions.domain import Cue, Transcript
from jobs_service.captions.quality import Quality
from jobs_service.captions.rules import Audience
from jobs_service.captions.track import Track
from shared.errors import Conflict, Gone, NotFound
from shared.ids import uuid7
from shared.security.principal import UserId

Origin = Literal["recognised", "imported", "translated"]
Change = Literal["made", "edited", "restored"]


class TrackNotFound(NotFound):
    """The track does not exist, or belongs to somebody else."""

    code, title = "track_not_found", "There is no such caption track"


class VersionNotFound(NotFound):
    """The track never had this version, or keeps it no more."""

    code, title = "version_not_found", "The track has no such version"


class CueNotFound(NotFound):
    """The track has fewer cues."""

    code, title = "cue_not_found", "The track has no such cue"


class TooManyTracks(Conflict):
    """The caller has as many tracks as one may have who imports another."""

    code, title = "too_many_tracks", "You have too many caption tracks; delete one that is not used"


class TrackChanged(Conflict):
    """Somebody else has saved the track since it was read."""

    code, title = "track_changed", "The track has changed meanwhile"


class CaptionsNotReady(Conflict):
    """The job has no captions: it has not ended, or did not succeed."""

    code, title = "captions_not_ready", "The job has no captions"


class CaptionsDeleted(Gone):
    """The track that the job has made was deleted by its owner."""

    code, title = "captions_deleted", "The captions of this job have been deleted"


class CaptionTrack(msgspec.Struct, frozen=True):
    """A track as its row stands; `version` is its newest, `source_id` the track of which it is a
    translation."""

    id: UUID
    owner_id: UserId
    video_id: UUID
    job_id: UUID | None
    source_id: UUID | None
    language: str
    audience: Audience
    origin: Origin
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def etag(self) -> str:
        """What tells its newest version from any other."""
        return f'"{self.version}"'


class Version(msgspec.Struct, frozen=True):
    """What a track said at some time; `restored_from` is the version whose cues it took."""

    number: int
    change: Change
    restored_from: int | None
    created_at: datetime
    quality: Quality


class Content(msgspec.Struct, frozen=True):
    """The cues of one version."""

    version: Version
    cues: tuple[Cue, ...]


class NewTrack(msgspec.Struct, frozen=True):
    """A track to be kept, with its first version."""

    id: UUID
    audience: Audience
    origin: Origin
    transcript: Transcript
    cues: tuple[Cue, ...]
    quality: Quality
    source_id: UUID | None = None

    @classmethod
    def of(
        cls, track: Track, audience: Audience, origin: Origin, source_id: UUID | None = None
    ) -> Self:
        """What is to be kept of `track`."""
        return cls(
            uuid7(), audience, origin, track.transcript, track.cues, track.quality, source_id
        )


class MadeTrack(msgspec.Struct, frozen=True):
    """What a job shows that has made a track."""

    track_id: UUID
