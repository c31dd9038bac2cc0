"""The SQL of copies. Who writes first decides: that a video was made, or that none is wanted."""

from typing import cast
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import insert

from content_service.copies.domain import Copy
from content_service.tables import copies
from content_service.videos.domain import VideoId
from shared.db.executor import Executor

_COLUMNS = [copies.c[name] for name in Copy.__struct_fields__]
_FIND = select(*_COLUMNS).where(copies.c.job_id == bindparam("job"))
# who comes second waits here until the first has committed
_MADE = insert(copies).on_conflict_do_nothing().returning(copies.c.job_id)
_new = insert(copies)
_UNWANT = _new.on_conflict_do_update(
    index_elements=[copies.c.job_id], set_={"unwanted": True}
).returning(copies.c.video_id)
# far longer than any job takes that could still send its copy
_FORGET = text("DELETE FROM copies WHERE created_at < now() - interval '30 days'")


class Copies:
    """What jobs have made of videos."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def find(self, job_id: UUID) -> Copy | None:
        """The copy of a job, if anything is known of it."""
        row = await self._executor.one(_FIND, {"job": job_id})
        return Copy(**row._mapping) if row else None

    async def made(self, job_id: UUID, video_id: VideoId) -> bool:
        """Note that this is the copy of a job; False when another is, or none is wanted."""
        row = {"job_id": job_id, "video_id": video_id, "unwanted": False}
        return await self._executor.one(_MADE, row) is not None

    async def unwant(self, job_id: UUID) -> VideoId | None:
        """Let the job make no copy any more; the video that it has made already."""
        row = {"job_id": job_id, "video_id": None, "unwanted": True}
        found = await self._executor.one(_UNWANT, row)
        return cast("VideoId | None", found.video_id) if found else None

    async def forget_old(self) -> None:
        """Forget jobs of long ago; their videos stay."""
        await self._executor.run(_FORGET)
