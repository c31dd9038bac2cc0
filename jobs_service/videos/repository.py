"""The copies of videos."""

from uuid import UUID

import msgspec
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from jobs_service.tables import videos
from jobs_service.videos.domain import KnownVideo
from shared.db.executor import Executor
from shared.security.principal import UserId

_new = insert(videos)
_SAVE = _new.on_conflict_do_update(
    index_elements=[videos.c.id],
    set_={
        "available": _new.excluded.available,
        "duration_seconds": _new.excluded.duration_seconds,
        "has_audio": _new.excluded.has_audio,
        "has_picture": _new.excluded.has_picture,
        "revision": _new.excluded.revision,
    },
    where=videos.c.revision < _new.excluded.revision,
)
_FIELDS = KnownVideo.__struct_fields__
_FIND = select(*(videos.c[name] for name in _FIELDS)).where(
    videos.c.id == bindparam("video"), videos.c.owner_id == bindparam("owner")
)
_MOVE = (
    update(videos)
    .where(videos.c.owner_id == bindparam("owner"))
    .values(owner_id=bindparam("new_owner"))
)
_FORGET_OF = delete(videos).where(videos.c.owner_id == bindparam("owner"))


class Videos:
    """The videos this service has heard of."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def save(self, video: KnownVideo) -> None:
        """Remember the newest state: older news than what is known is dropped."""
        await self._executor.run(_SAVE, msgspec.structs.asdict(video))

    async def find(self, owner: UserId, video_id: UUID) -> KnownVideo | None:
        """The copy of a video of this owner."""
        row = await self._executor.one(_FIND, {"video": video_id, "owner": owner})
        return KnownVideo(**dict(zip(_FIELDS, row, strict=True))) if row else None

    async def move(self, owner: UserId, new_owner: UserId) -> None:
        """Give the copies of all videos of `owner` to another."""
        await self._executor.run(_MOVE, {"owner": owner, "new_owner": new_owner})

    async def forget_of(self, owner: UserId) -> None:
        """Forget every video of this owner."""
        await self._executor.run(_FORGET_OF, {"owner": owner})
