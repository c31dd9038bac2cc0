"""Caption tracks as they are stored: JSON, decoded into the types they were made of."""

from uuid import UUID

import msgspec
from sqlalchemy import bindparam, insert, select

from jobs_service.captions.track import Track
from jobs_service.tables import jobs, tracks
from shared.db.executor import Executor
from shared.security.principal import UserId

_PARTS = ("transcript", "cues", "quality")
_ADD = insert(tracks)
_FIND = (
    select(*(tracks.c[part] for part in _PARTS))
    .join(jobs, jobs.c.id == tracks.c.job_id)
    .where(tracks.c.job_id == bindparam("job"), jobs.c.owner_id == bindparam("owner"))
)


class Tracks:
    """The results of captions jobs."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def add(self, job_id: UUID, track: Track) -> None:
        """Store the track of a job."""
        language = track.transcript.language
        parts = msgspec.to_builtins(track)
        await self._executor.run(_ADD, {"job_id": job_id, "language": language, **parts})

    async def find(self, owner: UserId, job_id: UUID) -> Track | None:
        """The track of a job of this owner."""
        row = await self._executor.one(_FIND, {"job": job_id, "owner": owner})
        return msgspec.convert(dict(zip(_PARTS, row, strict=True)), Track) if row else None
