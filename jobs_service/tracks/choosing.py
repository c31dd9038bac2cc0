"""Which track a job works on: one that is named, or the one that a job has made."""

from dataclasses import dataclass
from typing import Annotated, Protocol
from uuid import UUID

import msgspec

from jobs_service.jobs.use_cases import FindJob
from jobs_service.tracks.domain import CaptionTrack, Content
from jobs_service.tracks.use_cases import FindTrack, FindTrackOfJob
from shared.db.aliases import Aliases
from shared.db.database import Database
from shared.errors import FieldError, Invalid
from shared.security.principal import UserId

TrackId = Annotated[UUID | None, msgspec.Meta(description="The caption track; or say `job_id`.")]
JobId = Annotated[
    UUID | None, msgspec.Meta(description="The job that has made the track; or say `track_id`.")
]
Number = Annotated[
    Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None,
    msgspec.Meta(description="Of the track; by default the newest when the job runs."),
]


class Choice(Protocol):
    """A request that names a track."""

    @property
    def track_id(self) -> UUID | None:
        """The track itself."""
        ...

    @property
    def job_id(self) -> UUID | None:
        """The job that has made it."""
        ...

    @property
    def version(self) -> int | None:
        """Which of its versions, if not the newest."""
        ...


class Chosen(msgspec.Struct, frozen=True):
    """A track, and the version of it that is meant."""

    track: CaptionTrack
    content: Content

    @property
    def same_as(self) -> str:
        """What two choices of the same have in common."""
        return f"{self.track.id} {self.content.version.number}"


@dataclass(frozen=True, slots=True)
class ChooseTrack:
    """The track of a request, and its cues."""

    database: Database

    async def __call__(self, owner: UserId, choice: Choice) -> Chosen:
        """Raises Invalid, TrackNotFound, VersionNotFound, JobNotFound, CaptionsNotReady,
        CaptionsDeleted."""
        track = await self._track(owner, choice)
        content = await FindTrack(self.database).content(track, choice.version)
        return Chosen(track, content)

    async def for_work(self, owner: UserId, choice: Choice) -> Chosen:
        """As a call; `owner` may have been a guest who has become somebody else meanwhile."""
        async with self.database.transaction() as tx:
            owner = await Aliases(tx).owner(owner)
        return await self(owner, choice)

    async def _track(self, owner: UserId, choice: Choice) -> CaptionTrack:
        if choice.track_id is not None and choice.job_id is not None:
            raise Invalid(errors=(FieldError("job_id", "cannot go with `track_id`"),))
        if choice.track_id is not None:
            return await FindTrack(self.database)(owner, choice.track_id)
        if choice.job_id is not None:
            find = FindTrackOfJob(self.database, FindJob(self.database))
            return await find(owner, choice.job_id)
        raise Invalid(errors=(FieldError("track_id", "is required, or `job_id`"),))
