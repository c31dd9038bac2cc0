"""The SQL of reconciling: pages of rows, guarded marks, and reports."""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import any_, bindparam, delete, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from content_service.reconciling.domain import Holding, Kept, Report
from content_service.tables import reconciliations, videos
from shared.db.executor import Executor
from shared.ids import uuid7

PAGE: Final = 500

_HOLDINGS = select(videos.c.id, videos.c.state, videos.c.has_file).where(
    videos.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))
)
_KEPT = (
    select(videos.c.id, videos.c.revision, videos.c.size_bytes)
    .where(videos.c.state == "ready")
    .order_by(videos.c.id)
    .limit(PAGE)
)
_KEPT_AFTER = _KEPT.where(videos.c.id > bindparam("after"))
_MARK_LOST = (
    update(videos)
    .where(
        videos.c.id == bindparam("video_id"),
        videos.c.revision == bindparam("seen"),
        videos.c.state == "ready",
    )
    .values(
        state="rejected",
        revision=videos.c.revision + 1,
        lease_until=bindparam("now"),
        has_file=True,  # so that the sweeper removes whatever else there is of it
        reason_code="file_lost",
        reason_text="The file of this video is no longer in the storage; send it again.",
    )
    .returning(videos.c.owner_id, videos.c.revision)
)

_ADD = insert(reconciliations)
_FORGET = delete(reconciliations).where(reconciliations.c.started_at < bindparam("limit"))
_LAST = (
    select(reconciliations.c.report)
    .order_by(reconciliations.c.started_at.desc())
    .limit(bindparam("count"))
)


class Holdings:
    """What rows of videos say of their files."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def of(self, ids: Collection[UUID]) -> dict[UUID, Holding]:
        """Those of these videos that there are."""
        rows = await self._executor.all(_HOLDINGS, {"ids": list(ids)})
        return {row.id: Holding(row.state, row.has_file) for row in rows}

    async def kept(self, after: UUID | None) -> list[Kept]:
        """Videos that are ready, in the order of their ids, `PAGE` at most."""
        if after is None:
            rows = await self._executor.all(_KEPT)
        else:
            rows = await self._executor.all(_KEPT_AFTER, {"after": after})
        return [Kept(row.id, row.revision, row.size_bytes) for row in rows]

    async def mark_lost(self, kept: Kept, now: datetime) -> tuple[UUID, int] | None:
        """`ready → rejected`; the owner and the new revision, or None when the row has changed."""
        params = {"video_id": kept.id, "seen": kept.revision, "now": now}
        found = await self._executor.one(_MARK_LOST, params)
        return (found.owner_id, found.revision) if found else None


class Reports:
    """What passes have found."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def add(self, report: Report, forget_before: datetime) -> None:
        """Keep a report, and forget old ones."""
        row = {"id": uuid7(), "started_at": report.started_at}
        await self._executor.run(_ADD, {**row, "report": msgspec.to_builtins(report)})
        await self._executor.run(_FORGET, {"limit": forget_before})

    async def last(self, count: int) -> list[Report]:
        """The latest reports, newest first."""
        rows = await self._executor.all(_LAST, {"count": count})
        return [msgspec.convert(row.report, Report) for row in rows]
