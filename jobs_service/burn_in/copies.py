"""Where the copy of a video goes: to the content service, once for each job."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import msgspec

from jobs_service.burn_in.domain import NoRoomForCopy
from jobs_service.work.sources import SourceGone, SourceUnavailable

_CHUNK_BYTES = 1024 * 1024
_PATIENCE = httpx.Timeout(30.0, read=600.0)
"""Seconds; a store that copies in order to rename takes long to answer."""
_NO_ROOM = {"too_many_videos", "quota_exceeded", "video_too_large"}


class _Answer(msgspec.Struct, frozen=True):
    video_id: UUID | None


class _Refusal(msgspec.Struct, frozen=True):
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Copies:
    """`content` carries this service's token."""

    content: httpx.AsyncClient

    async def made(self, video_id: UUID, job_id: UUID) -> UUID | None:
        """The copy that an earlier attempt at the job has made; None when there is room for one.

        Raises SourceGone, NoRoomForCopy, SourceUnavailable.
        """
        return await self._ask("GET", video_id, job_id)

    async def keep(
        self,
        video_id: UUID,
        job_id: UUID,
        note: str,
        file: Path,
        on_progress: Callable[[float], Awaitable[None]],
    ) -> UUID:
        """The video that the file has become; raises the same."""
        size = (await asyncio.to_thread(file.stat)).st_size
        kept = await self._ask(
            "PUT",
            video_id,
            job_id,
            params={"note": note},
            headers={"content-length": str(size), "content-type": "video/mp4"},
            content=_chunks(file, size, on_progress),
        )
        if kept is None:
            raise SourceUnavailable("The content service does not say what became of the copy.")
        return kept

    async def _ask(self, method: str, video_id: UUID, job_id: UUID, **more: object) -> UUID | None:
        path = f"/internal/videos/{video_id}/copies/{job_id}"
        try:
            answer = await self.content.request(method, path, timeout=_PATIENCE, **more)  # type: ignore[arg-type]
            if not answer.is_success:
                _refuse(answer)
            return msgspec.json.decode(answer.content, type=_Answer).video_id
        except (httpx.HTTPError, msgspec.MsgspecError) as error:
            kind = type(error).__name__
            raise SourceUnavailable(f"Content did not take the copy: {kind}.") from error


def _refuse(answer: httpx.Response) -> None:
    refusal = msgspec.json.decode(answer.content, type=_Refusal)
    if answer.status_code in (404, 410):
        raise SourceGone("The video was removed before its copy was there.")
    if refusal.code in _NO_ROOM:
        raise NoRoomForCopy(refusal.detail)
    raise SourceUnavailable(f"The content service answered {answer.status_code}: {refusal.code}.")


async def _chunks(
    file: Path, size: int, on_progress: Callable[[float], Awaitable[None]]
) -> AsyncIterator[bytes]:
    sent = 0
    with await asyncio.to_thread(file.open, "rb") as opened:
        while chunk := await asyncio.to_thread(opened.read, _CHUNK_BYTES):
            yield chunk
            sent += len(chunk)
            await on_progress(sent / size)
