"""The SQL of tracks and of their versions; cues and reports are JSON, decoded into their types."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, bindparam, delete, func, insert, select, update
from sqlalchemy.sql import Select

from jobs_service.captions.domain import Cue, Transcript
from jobs_service.captions.quality import Quality
from jobs_service.tables import jobs, track_versions, tracks
from jobs_service.tracks.domain import CaptionTrack, Change, Content, NewTrack, Version
from shared.db.executor import Executor
from shared.security.principal import UserId

_COLUMNS = [tracks.c[name] for name in CaptionTrack.__struct_fields__]
_IS_ID = tracks.c.id == bindparam("track")
_IS_OWNERS = tracks.c.owner_id == bindparam("owner")
_OF_TRACK = track_versions.c.track_id == bindparam("track")
_VERSION = [track_versions.c[name] for name in Version.__struct_fields__]

_NEW = ("id", "owner_id", "video_id", "job_id", "source_id", "language", "audience", "origin",
        "transcript")  # fmt: skip
_ADD = insert(tracks).values({name: bindparam(name) for name in _NEW})
# the job's row is locked by whoever ends it: its owner is the one it has when all is committed
_ADD_OF_JOB = insert(tracks).from_select(
    _NEW,
    select(
        *(
            jobs.c[name]
            if name in {"owner_id", "video_id"}
            else bindparam(name, type_=tracks.c[name].type).label(name)
            for name in _NEW
        )
    ).where(jobs.c.id == bindparam("job_id")),
)
_ADD_VERSION = insert(track_versions)
_FIND = select(*_COLUMNS).where(_IS_ID, _IS_OWNERS)
_FIND_OF_JOB = select(*_COLUMNS).where(tracks.c.job_id == bindparam("job"), _IS_OWNERS)
_LOCK = _FIND.with_for_update()
_TRANSCRIPT = select(tracks.c.transcript).where(_IS_ID)
_COUNT = select(func.count().label("tracks")).where(_IS_OWNERS)
_LIST = select(*_COLUMNS).where(_IS_OWNERS).order_by(tracks.c.id.desc()).limit(bindparam("limit"))
_CONTENT = select(*_VERSION, track_versions.c.cues).where(
    _OF_TRACK, track_versions.c.number == bindparam("number")
)
_VERSIONS = select(*_VERSION).where(_OF_TRACK).order_by(track_versions.c.number.desc())
_ADVANCE = (
    update(tracks).where(_IS_ID).values(version=bindparam("number"), updated_at=func.now())
).returning(*_COLUMNS)
# the first says what was heard, imported or translated: whatever happens, one can go back to it
_PRUNE = delete(track_versions).where(
    _OF_TRACK, track_versions.c.number > 1, track_versions.c.number <= bindparam("upto")
)
_DELETE = delete(tracks).where(_IS_ID, _IS_OWNERS)
_DELETE_OF = delete(tracks).where(_IS_OWNERS)
_MOVE = update(tracks).where(_IS_OWNERS).values(owner_id=bindparam("new_owner"))


class Tracks:
    """Caption tracks of all owners."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def add(self, owner: UserId, video_id: UUID, new: NewTrack) -> None:
        """Keep a track that no job has made."""
        values = {**_values(new), "owner_id": owner, "video_id": video_id, "job_id": None}
        await self._executor.run(_ADD, values)
        await self._add_first(new)

    async def count_of(self, owner: UserId) -> int:
        """How many tracks this owner has."""
        row = await self._executor.one(_COUNT, {"owner": owner})
        return int(row.tracks) if row else 0

    async def add_of_job(self, job_id: UUID, new: NewTrack) -> None:
        """Keep the track that a job has made, in the transaction that ends the job."""
        await self._executor.run(_ADD_OF_JOB, {**_values(new), "job_id": job_id})
        await self._add_first(new)

    async def find(self, owner: UserId, track_id: UUID) -> CaptionTrack | None:
        """A track of this owner."""
        return _track(await self._executor.one(_FIND, {"owner": owner, "track": track_id}))

    async def find_of_job(self, owner: UserId, job_id: UUID) -> CaptionTrack | None:
        """The track that a job of this owner has made."""
        return _track(await self._executor.one(_FIND_OF_JOB, {"owner": owner, "job": job_id}))

    async def lock(self, owner: UserId, track_id: UUID) -> CaptionTrack | None:
        """A track of this owner, which nobody else changes until the transaction ends."""
        return _track(await self._executor.one(_LOCK, {"owner": owner, "track": track_id}))

    async def transcript(self, track_id: UUID) -> Transcript:
        """The words of which a track was made; none where it was not recognised."""
        row = await self._executor.one(_TRANSCRIPT, {"track": track_id})
        return msgspec.convert(row.transcript if row else None, Transcript)

    async def content(self, track_id: UUID, number: int) -> Content | None:
        """One version of a track, with its cues."""
        row = await self._executor.one(_CONTENT, {"track": track_id, "number": number})
        if row is None:
            return None
        return Content(_version(row), msgspec.convert(row.cues, tuple[Cue, ...]))

    async def versions(self, track_id: UUID) -> list[Version]:
        """All that are kept, newest first."""
        return [_version(row) for row in await self._executor.all(_VERSIONS, {"track": track_id})]

    async def list_of(
        self, owner: UserId, limit: int, after: UUID | None, which: Mapping[str, Any]
    ) -> list[tuple[CaptionTrack, Quality]]:
        """Tracks of this owner, newest first, older than the track `after`, each with the report
        on its newest version; of `which`, by column, those that are equal."""
        statement: Select[Any] = _LIST
        params: dict[str, Any] = {"owner": owner, "limit": limit}
        if after is not None:
            statement = statement.where(tracks.c.id < bindparam("after"))
            params["after"] = after
        for name, value in which.items():
            statement = statement.where(tracks.c[name] == bindparam(f"which_{name}"))
            params[f"which_{name}"] = value
        page = statement.subquery()
        rows = await self._executor.all(
            select(*page.c, track_versions.c.quality)
            .join(
                track_versions,
                (track_versions.c.track_id == page.c.id)
                & (track_versions.c.number == page.c.version),
            )
            .order_by(page.c.id.desc()),
            params,
        )
        return [(_track_of(row), msgspec.convert(row.quality, Quality)) for row in rows]

    async def save(
        self,
        track: CaptionTrack,
        cues: tuple[Cue, ...],
        quality: Quality,
        *,
        restored_from: int | None,
        kept: int,
    ) -> CaptionTrack:
        """Make a new version the newest of a locked track, which then keeps the `kept` newest, and
        its first."""
        number = track.version + 1
        change: Change = "edited" if restored_from is None else "restored"
        await self._add_version(track.id, number, cues, quality, change, restored_from)
        row = await self._executor.one(_ADVANCE, {"track": track.id, "number": number})
        await self._executor.run(_PRUNE, {"track": track.id, "upto": number - kept})
        return _track_of(row)

    async def delete(self, owner: UserId, track_id: UUID) -> bool:
        """Delete a track with all its versions; whether there was one."""
        return await self._executor.run(_DELETE, {"owner": owner, "track": track_id}) == 1

    async def delete_of(self, owner: UserId) -> None:
        """Delete all tracks of `owner`."""
        await self._executor.run(_DELETE_OF, {"owner": owner})

    async def move(self, owner: UserId, new_owner: UserId) -> None:
        """Give all tracks of `owner` to another."""
        await self._executor.run(_MOVE, {"owner": owner, "new_owner": new_owner})

    async def _add_first(self, new: NewTrack) -> None:
        await self._add_version(new.id, 1, new.cues, new.quality, "made", None)

    async def _add_version(
        self,
        track_id: UUID,
        number: int,
        cues: tuple[Cue, ...],
        quality: Quality,
        change: Change,
        restored_from: int | None,
    ) -> None:
        values = {
            "track_id": track_id,
            "number": number,
            "change": change,
            "restored_from": restored_from,
            "cues": msgspec.to_builtins(cues),
            "quality": msgspec.to_builtins(quality),
        }
        await self._executor.run(_ADD_VERSION, values)


def _values(new: NewTrack) -> dict[str, Any]:
    return {
        "id": new.id,
        "source_id": new.source_id,
        "language": new.transcript.language,
        "audience": new.audience,
        "origin": new.origin,
        "transcript": msgspec.to_builtins(new.transcript),
    }


def _track(row: Row[Any] | None) -> CaptionTrack | None:
    return None if row is None else _track_of(row)


def _track_of(row: Any) -> CaptionTrack:
    return CaptionTrack(**{name: row._mapping[name] for name in CaptionTrack.__struct_fields__})


def _version(row: Row[Any]) -> Version:
    values = {name: row._mapping[name] for name in Version.__struct_fields__}
    return Version(**{**values, "quality": msgspec.convert(row.quality, Quality)})
