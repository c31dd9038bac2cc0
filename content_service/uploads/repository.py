"""The SQL of uploads: only who holds the lease writes; who has lost it does nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, bindparam, delete, insert, select, update

from content_service.tables import uploads, videos
from content_service.uploads.domain import Upload
from content_service.videos.domain import VideoId
from shared.db.executor import Executor

BATCH = 100

_COLUMNS = [uploads.c[name] for name in Upload.__struct_fields__]
_IS_ID = uploads.c.id == bindparam("upload_id")
_IS_OWNERS = uploads.c.owner_id == bindparam("owner")
_IS_WRITERS = uploads.c.writer == bindparam("present_writer")
_IS_FREE = uploads.c.writer.is_(None) | (uploads.c.lease_until <= bindparam("now"))

_OF_A_NEW_ONE = ("id", "owner_id", "length", "metadata", "created_at", "expires_at")
_ADD = insert(uploads).values(received=0, pieces=[], finished=False)
_FIND_OF_OWNER = select(*_COLUMNS).where(_IS_ID, _IS_OWNERS)
_IS_HELD = select(uploads.c.id).where(_IS_ID, ~_IS_FREE)
_LIST_OF_OWNER = (
    select(*_COLUMNS)
    .where(_IS_OWNERS, ~uploads.c.finished, uploads.c.expires_at > bindparam("now"))
    .order_by(uploads.c.id.desc())
)
_CLAIM = (
    update(uploads)
    .where(_IS_ID, ~uploads.c.finished, _IS_FREE)
    .values(writer=bindparam("new_writer"), lease_until=bindparam("until"))
    .returning(*_COLUMNS)
)
_RENEW = update(uploads).where(_IS_ID, _IS_WRITERS).values(lease_until=bindparam("until"))
_RELEASE = _RENEW.values(writer=None)
_ADVANCED = (
    update(uploads)
    .where(_IS_ID, _IS_WRITERS)
    .values(
        received=bindparam("new_received"),
        length=bindparam("new_length"),
        pieces=bindparam("new_pieces"),
        expires_at=bindparam("expires"),
    )
    .returning(uploads.c.id)
    .cte("advanced")
)
# the sweeper of videos leaves one that is arriving alone for as long as its upload may go on
_ADVANCE = (
    update(videos)
    .where(videos.c.id == _ADVANCED.c.id, videos.c.state == "receiving")
    .values(lease_until=bindparam("expires"))
)
_RESERVE = (
    update(videos)
    .where(videos.c.id == bindparam("upload_id"), videos.c.state == "receiving")
    .values(size_bytes=bindparam("size"))
)
_PLAN = select(videos.c.plan).where(videos.c.id == bindparam("upload_id"))
_FINISH = update(uploads).where(_IS_ID, _IS_WRITERS).values(finished=True, writer=None, pieces=[])
_DUE = (
    select(uploads.c.id)
    .where(
        uploads.c.received == uploads.c.length,
        ~uploads.c.finished,
        uploads.c.lease_until <= bindparam("now"),
        uploads.c.expires_at > bindparam("now"),
    )
    .order_by(uploads.c.lease_until)
    .limit(BATCH)
)
_DELETE = delete(uploads).where(_IS_ID)
_FORGET = delete(uploads).where(uploads.c.expires_at <= bindparam("before"))
_MOVE = update(uploads).where(_IS_OWNERS).values(owner_id=bindparam("new_owner"))
_ERASE = delete(uploads).where(_IS_OWNERS)


def _upload(row: Row[Any]) -> Upload:
    values: Sequence[Any] = row
    upload = Upload(*values)
    return msgspec.structs.replace(upload, pieces=tuple(upload.pieces))


class Uploads:
    """Every upload, in a transaction or outside one."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def add(self, upload: Upload) -> None:
        """Note a new upload, of which nothing has arrived and which nobody writes to."""
        row = {name: getattr(upload, name) for name in _OF_A_NEW_ONE}
        await self._executor.run(_ADD, {**row, "lease_until": upload.created_at})

    async def find_of(self, owner: UUID, upload_id: VideoId) -> Upload | None:
        """An upload of this owner."""
        values = {"upload_id": upload_id, "owner": owner}
        found = await self._executor.one(_FIND_OF_OWNER, values)
        return _upload(found) if found else None

    async def list_of(self, owner: UUID, now: datetime) -> list[Upload]:
        """What this owner may go on with, newest first."""
        rows = await self._executor.all(_LIST_OF_OWNER, {"owner": owner, "now": now})
        return [_upload(row) for row in rows]

    async def is_held(self, upload_id: VideoId, now: datetime) -> bool:
        """Whether somebody writes."""
        values = {"upload_id": upload_id, "now": now}
        return await self._executor.one(_IS_HELD, values) is not None

    async def claim(
        self, upload_id: VideoId, writer: UUID, now: datetime, until: datetime
    ) -> Upload | None:
        """Become the writer; None when there is one, or nothing to write."""
        values = {"upload_id": upload_id, "new_writer": writer, "now": now, "until": until}
        found = await self._executor.one(_CLAIM, values)
        return _upload(found) if found else None

    async def renew(self, upload_id: VideoId, writer: UUID, until: datetime) -> bool:
        """Keep the lease; False when it is lost."""
        values = {"upload_id": upload_id, "present_writer": writer, "until": until}
        return await self._executor.run(_RENEW, values) == 1

    async def release(self, upload_id: VideoId, writer: UUID, until: datetime) -> None:
        """Let others write; what is whole is not finished by others before `until`."""
        values = {"upload_id": upload_id, "present_writer": writer, "until": until}
        await self._executor.run(_RELEASE, values)

    async def advance(self, upload: Upload, writer: UUID) -> bool:
        """Write how far the upload is; False when the lease is lost, or the video gone."""
        values = {
            "upload_id": upload.id,
            "present_writer": writer,
            "new_received": upload.received,
            "new_length": upload.length,
            "new_pieces": list(upload.pieces),
            "expires": upload.expires_at,
        }
        return await self._executor.run(_ADVANCE, values) == 1

    async def reserve(self, upload_id: VideoId, size: int) -> None:
        """Keep as many bytes free for the video."""
        await self._executor.run(_RESERVE, {"upload_id": upload_id, "size": size})

    async def plan_of(self, upload_id: VideoId) -> str | None:
        """The name of the plan under which it was begun; None when its video is gone."""
        found = await self._executor.one(_PLAN, {"upload_id": upload_id})
        return cast("str", found.plan) if found else None

    async def finish(self, upload_id: VideoId, writer: UUID) -> bool:
        """Note that it has become a video; False when the lease is lost."""
        values = {"upload_id": upload_id, "present_writer": writer}
        return await self._executor.run(_FINISH, values) == 1

    async def due(self, now: datetime) -> list[VideoId]:
        """What is whole, and whose writer has not made a video of it; `BATCH` at most."""
        return [row.id for row in await self._executor.all(_DUE, {"now": now})]

    async def delete(self, upload_id: VideoId) -> None:
        """Forget an upload."""
        await self._executor.run(_DELETE, {"upload_id": upload_id})

    async def forget(self, before: datetime) -> int:
        """Forget what has expired before then; how many."""
        return await self._executor.run(_FORGET, {"before": before})

    async def move(self, owner: UUID, new_owner: UUID) -> None:
        """Give all uploads of an owner to another."""
        await self._executor.run(_MOVE, {"owner": owner, "new_owner": new_owner})

    async def erase_of(self, owner: UUID) -> None:
        """Forget all uploads of an owner; who writes to one has lost it."""
        await self._executor.run(_ERASE, {"owner": owner})
