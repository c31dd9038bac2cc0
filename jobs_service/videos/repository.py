"""The copies of videos."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Uuid, bindparam, delete, func, select, update
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
_asked = (
    func.unnest(bindparam("owners", type_=ARRAY(Uuid)), bindparam("videos", type_=ARRAY(Uuid)))
    .table_valued("owner", "video", name="asked")
    .render_derived()
)
_FIND = select(*(videos.c[name] for name in _FIELDS)).join_from(
    _asked, videos, (videos.c.id == _asked.c.video) & (videos.c.owner_id == _asked.c.owner)
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

    async def find_each(self, asked: Sequence[tuple[UserId, UUID]]) -> list[KnownVideo | None]:
        """The copy of each, by owner and id, where there is one."""
        params = {"owners": [owner for owner, _ in asked], "videos": [video for _, video in asked]}
        rows = await self._executor.all(_FIND, params)
        found = {(row.owner_id, row.id): _video_of(row) for row in rows}
        return [found.get(one) for one in asked]

    async def move(self, owner: UserId, new_owner: UserId) -> None:
        """Give the copies of all videos of `owner` to another."""
        await self._executor.run(_MOVE, {"owner": owner, "new_owner": new_owner})

    async def forget_of(self, owner: UserId) -> None:
        """Forget every video of this owner."""
        await self._executor.run(_FORGET_OF, {"owner": owner})


def _video_of(row: Any) -> KnownVideo:
    return KnownVideo(**dict(zip(_FIELDS, row, strict=True)))
