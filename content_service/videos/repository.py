"""The SQL of videos: each change of state is one guarded UPDATE; who loses a race does nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Row,
    Update,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    update,
)

from content_service.tables import videos
from content_service.videos.domain import (
    BEFORE,
    EMPTYING,
    HIDDEN,
    KEPT,
    NOBODY,
    TO_PROBE,
    WITHOUT_FILE,
    MediaFacts,
    Poster,
    Reason,
    State,
    Video,
    VideoId,
)
from content_service.videos.limits import Used
from shared.db.executor import Executor


def _in(*states: State) -> ColumnElement[bool]:
    """Whether the state is one of these; as literals, since a plan for any parameter could not
    use the partial indexes."""
    values: BindParameter[State] = bindparam(
        "states", states, unique=True, expanding=True, literal_execute=True
    )
    return videos.c.state.in_(values)


_COLUMNS = [videos.c[name] for name in Video.__struct_fields__]
_VISIBLE = ~_in(*HIDDEN)
_IS_ID = videos.c.id == bindparam("video_id")
_IS_OWNERS = videos.c.owner_id == bindparam("owner")
_IS_DUE = videos.c.lease_until <= bindparam("now")
_IS_CLAIM = _IS_ID & _in("probing") & (videos.c.revision == bindparam("claim"))


def _enter(state: State) -> Update:
    return (
        update(videos)
        .where(_in(*BEFORE[state]))
        .values(state=state, revision=videos.c.revision + 1, lease_until=bindparam("until"))
    )


_EXAMINED = _in("probing") & (videos.c.lease_until > bindparam("now"))
_ONCE_EXAMINED = case((_EXAMINED, videos.c.lease_until + EMPTYING), else_=bindparam("until"))
"""When the files of a video may be removed for good: whoever examines it may still store a
poster."""


def _due(condition: ColumnElement[bool], by: Column[datetime], count: int) -> ColumnElement[bool]:
    """The ids of rows to take up, skipping those that another process has in hand."""
    due = select(videos.c.id).where(condition).order_by(by).limit(count)
    # A CTE that locks runs exactly once; a subquery might be run again, beyond its limit.
    return videos.c.id == due.with_for_update(skip_locked=True).cte("due").c.id


BATCH = 100

_ADD = insert(videos).values(
    title="", sha256="", state="receiving", has_file=True, attempts=0, revision=0
)
_PROLONG_RECEIVING = (
    update(videos).where(_IS_ID, _in("receiving")).values(lease_until=bindparam("until"))
)
_ACCEPT = (
    _enter("stored")
    .where(_IS_ID, _in("receiving"), videos.c.owner_id != NOBODY)
    .values(
        title=bindparam("new_title"),
        content_type=bindparam("new_type"),
        size_bytes=bindparam("size"),
        sha256=bindparam("digest"),
        expires_at=bindparam("expires"),
    )
    .returning(*_COLUMNS)
)
_ABANDON = _enter("deleted").where(_IS_ID, _in("receiving"))
_USED_BESIDE = select(
    func.count().label("videos"), func.coalesce(func.sum(videos.c.size_bytes), 0).label("bytes")
).where(_IS_OWNERS, _in(*KEPT), videos.c.id != bindparam("video_id"))
_MOVE = update(videos).where(_IS_OWNERS).values(owner_id=bindparam("new_owner"))
_IS_KEPT = select(videos.c.id).where(_IS_ID, _VISIBLE)

_FIND = select(*_COLUMNS).where(_IS_ID, _VISIBLE)
_FIND_OF_OWNER = _FIND.where(_IS_OWNERS)
_LIST_OF_OWNER = (
    select(*_COLUMNS)
    .where(_IS_OWNERS, _VISIBLE)
    .order_by(videos.c.id.desc())
    .limit(bindparam("limit"))
)
_LIST_AFTER = _LIST_OF_OWNER.where(videos.c.id < bindparam("after"))

_CLAIM = (
    _enter("probing")
    .where(_due(_in(*TO_PROBE) & _IS_DUE, videos.c.lease_until, 1))
    .values(attempts=videos.c.attempts + 1)
    .returning(*_COLUMNS)
)
_PROLONG_CLAIM = update(videos).where(_IS_CLAIM).values(lease_until=bindparam("until"))
_GIVE_BACK = _enter("stored").where(_IS_CLAIM).values(attempts=bindparam("new_attempts"))
_FOUND = (*MediaFacts.__struct_fields__, "poster_bytes", "poster_sha256")
_MAKE_READY = (
    _enter("ready")
    .where(_IS_CLAIM)
    .values({name: bindparam(f"new_{name}") for name in _FOUND})
    .returning(*_COLUMNS)
)
_REJECT = (
    _enter("rejected")
    .where(_IS_CLAIM)
    .values(reason_code=bindparam("code"), reason_text=bindparam("text"))
)

_DELETE = (
    _enter("deleted")
    .where(_IS_ID, _IS_OWNERS, _VISIBLE)
    .values(lease_until=_ONCE_EXAMINED)
    .returning(*_COLUMNS)
)
_ABANDON_DUE = _enter("deleted").where(
    _due(_in("receiving") & _IS_DUE, videos.c.lease_until, BATCH)
)
_EXPIRE_DUE = (
    _enter("expired")
    .values(lease_until=_ONCE_EXAMINED)
    .where(
        _due(
            _in(*TO_PROBE, "ready", "rejected") & (videos.c.expires_at <= bindparam("now")),
            videos.c.expires_at,
            BATCH,
        )
    )
    .returning(*_COLUMNS)
)
_CLAIM_EMPTYING = (
    update(videos)
    .where(
        _due(
            videos.c.has_file & _in(*WITHOUT_FILE) & _IS_DUE,
            videos.c.lease_until,
            BATCH,
        )
    )
    .values(lease_until=bindparam("until"))
    .returning(videos.c.id)
)
_OF_USE = select(videos.c.id).where(_IS_ID, ~_in(*WITHOUT_FILE))
_EMPTIED = update(videos).where(_IS_ID, _in(*WITHOUT_FILE)).values(has_file=False)
_ANONYMOUS = {"owner_id": NOBODY, "title": "", "filename": "", "reason_text": None}
_DISOWN_RECEIVING = update(videos).where(_IS_OWNERS, _in("receiving")).values(_ANONYMOUS)
_DELETE_OF_OWNER = (
    _enter("deleted")
    .where(_IS_OWNERS, videos.c.has_file, _VISIBLE)
    .values(_ANONYMOUS | {"lease_until": _ONCE_EXAMINED})
    .returning(videos.c.id, videos.c.revision)
)
_DISOWN_TOMBSTONES = update(videos).where(_IS_OWNERS, videos.c.has_file).values(_ANONYMOUS)
_FORGET_WITHOUT_FILE = delete(videos).where(_IS_OWNERS, ~videos.c.has_file)
_FORGET = delete(videos).where(_IS_ID, _in("deleted"))


def _video(row: Row[Any]) -> Video:
    values: Sequence[Any] = row
    return Video(*values)


class Videos:
    """Every video, in a transaction or outside one."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def add_receiving(
        self,
        video_id: VideoId,
        owner: UUID,
        filename: str,
        content_type: str,
        now: datetime,
        until: datetime,
        *,
        plan: str,
        size: int | None,
    ) -> None:
        """Note that a file is arriving, for which `size` bytes are kept free; nobody sees the
        video yet."""
        row = {
            "id": video_id,
            "owner_id": owner,
            "filename": filename,
            "content_type": content_type,
            "size_bytes": size or 0,
            "plan": plan,
            "lease_until": until,
            "created_at": now,
            "expires_at": now,
        }
        await self._executor.run(_ADD, row)

    async def used(self, owner: UUID, *, beside: VideoId | None = None) -> Used:
        """What this owner keeps, one video apart."""
        params = {"owner": owner, "video_id": beside or NOBODY}
        found = await self._executor.one(_USED_BESIDE, params)
        return Used(found.videos, int(found.bytes)) if found else Used(0, 0)

    async def move(self, owner: UUID, new_owner: UUID) -> int:
        """Give all videos of an owner to another, in whatever state they are; how many.

        Who holds a claim keeps it: its revision stays.
        """
        return await self._executor.run(_MOVE, {"owner": owner, "new_owner": new_owner})

    async def erase_of(self, owner: UUID, now: datetime) -> list[tuple[VideoId, int]]:
        """Let no row tell of `owner`; the ids and revisions of videos that are deleted by this.

        An upload under way keeps its lease: it is refused at its end, and abandoned if it has none.
        """
        values = {"owner": owner}
        await self._executor.run(_DISOWN_RECEIVING, values)
        await self._executor.run(_FORGET_WITHOUT_FILE, values)
        rows = await self._executor.all(_DELETE_OF_OWNER, {**values, "now": now, "until": now})
        await self._executor.run(_DISOWN_TOMBSTONES, values)
        return [(cast("VideoId", row.id), row.revision) for row in rows]

    async def prolong_receiving(self, video_id: VideoId, until: datetime) -> None:
        """Keep the sweeper off a file that is still arriving."""
        await self._executor.run(_PROLONG_RECEIVING, {"video_id": video_id, "until": until})

    async def accept(
        self,
        video_id: VideoId,
        *,
        title: str,
        content_type: str,
        size: int,
        sha256: str,
        now: datetime,
        expires: datetime,
    ) -> Video | None:
        """`receiving → stored`; None when the sweeper has given the upload up."""
        values = {
            "new_title": title,
            "new_type": content_type,
            "size": size,
            "digest": sha256,
            "expires": expires,
        }
        found = await self._executor.one(_ACCEPT, {"video_id": video_id, "until": now, **values})
        return _video(found) if found else None

    async def abandon(self, video_id: VideoId, until: datetime) -> None:
        """`receiving → deleted`, where the file has not been accepted."""
        await self._executor.run(_ABANDON, {"video_id": video_id, "until": until})

    async def keeps(self, video_id: VideoId) -> bool:
        """Whether this is a video that users see."""
        return await self._executor.one(_IS_KEPT, {"video_id": video_id}) is not None

    async def find(self, video_id: VideoId) -> Video | None:
        """A video of any owner."""
        found = await self._executor.one(_FIND, {"video_id": video_id})
        return _video(found) if found else None

    async def find_of(self, owner: UUID, video_id: VideoId) -> Video | None:
        """A video of this owner."""
        found = await self._executor.one(_FIND_OF_OWNER, {"video_id": video_id, "owner": owner})
        return _video(found) if found else None

    async def list_of(self, owner: UUID, limit: int, after: VideoId | None) -> list[Video]:
        """Videos of this owner, newest first, older than the video `after`."""
        values = {"owner": owner, "limit": limit}
        if after is None:
            rows = await self._executor.all(_LIST_OF_OWNER, values)
        else:
            rows = await self._executor.all(_LIST_AFTER, {**values, "after": after})
        return [_video(row) for row in rows]

    async def claim(self, now: datetime, until: datetime) -> Video | None:
        """`stored → probing`, or the probing video whose lease ran out; None when none waits."""
        found = await self._executor.one(_CLAIM, {"now": now, "until": until})
        return _video(found) if found else None

    async def prolong_claim(self, claim: Video, until: datetime) -> bool:
        """Renew the lease; False when the claim is no longer ours."""
        return await self._executor.run(_PROLONG_CLAIM, {**_of(claim), "until": until}) == 1

    async def give_back(self, claim: Video, until: datetime, attempts: int) -> None:
        """`probing → stored`, not to be claimed before `until`."""
        values = {**_of(claim), "until": until, "new_attempts": attempts}
        await self._executor.run(_GIVE_BACK, values)

    async def make_ready(
        self, claim: Video, facts: MediaFacts, now: datetime, poster: Poster | None = None
    ) -> Video | None:
        """`probing → ready`; None when the claim is no longer ours."""
        values = {f"new_{name}": getattr(facts, name) for name in facts.__struct_fields__}
        values["new_poster_bytes"] = poster and poster.size
        values["new_poster_sha256"] = poster and poster.sha256
        found = await self._executor.one(_MAKE_READY, {**_of(claim), "until": now, **values})
        return _video(found) if found else None

    async def reject(self, claim: Video, reason: Reason, until: datetime) -> bool:
        """`probing → rejected`; False when the claim is no longer ours."""
        values = {**_of(claim), "until": until, "code": reason.code, "text": reason.text}
        return await self._executor.run(_REJECT, values) == 1

    async def delete(self, owner: UUID, video_id: VideoId, now: datetime) -> Video | None:
        """Make an owner's video a tombstone; None when there is none.

        The sweeper leaves its files for `EMPTYING` to whoever deletes it; longer while somebody
        examines it.
        """
        values = {"video_id": video_id, "owner": owner, "now": now, "until": now + EMPTYING}
        found = await self._executor.one(_DELETE, values)
        return _video(found) if found else None

    async def abandon_due(self, now: datetime) -> int:
        """Make tombstones of uploads that nobody carries on; how many, `BATCH` at most."""
        return await self._executor.run(_ABANDON_DUE, {"now": now, "until": now})

    async def expire_due(self, now: datetime) -> list[Video]:
        """Expire videos that were kept long enough, `BATCH` at most."""
        rows = await self._executor.all(_EXPIRE_DUE, {"now": now, "until": now})
        return [_video(row) for row in rows]

    async def claim_emptying(self, now: datetime, until: datetime) -> list[VideoId]:
        """Videos whose file is still to be removed, `BATCH` at most; nobody else gets them before
        `until`."""
        rows = await self._executor.all(_CLAIM_EMPTYING, {"now": now, "until": until})
        return [cast("VideoId", row[0]) for row in rows]

    async def is_of_use(self, video_id: VideoId) -> bool:
        """Whether this is a video whose files are there to stay."""
        return await self._executor.one(_OF_USE, {"video_id": video_id}) is not None

    async def emptied(self, video_id: VideoId) -> None:
        """Note that the file is gone; a tombstone goes with it."""
        if not await self._executor.run(_FORGET, {"video_id": video_id}):
            await self._executor.run(_EMPTIED, {"video_id": video_id})


def _of(claim: Video) -> dict[str, object]:
    return {"video_id": claim.id, "claim": claim.revision}
