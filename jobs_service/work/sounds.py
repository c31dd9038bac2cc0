"""The decoded sound of videos under work: fetched and decoded once per worker, and shared."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from jobs_service.recognition.domain import OnProgress
from jobs_service.recognition.extraction import extract
from jobs_service.recognition.messages import Extracted
from jobs_service.work.sources import Sources
from shared.runtime.children import Limits
from shared.storage.scratch import Scratch

LINGER_SECONDS = 5.0
"""How long sound that nobody uses is kept: whoever helps takes up part after part."""


@dataclass(slots=True)
class _Kept:
    """One video's sound: who uses it, and the file, which is closed last."""

    users: int = 0
    extracted: Extracted | None = None
    file: ExitStack = field(default_factory=ExitStack)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Sounds:
    """`scratch` holds the samples; videos are cut into parts of about `part_seconds`."""

    def __init__(
        self, sources: Sources, scratch: Scratch, part_seconds: float, limits: Limits
    ) -> None:
        self._sources = sources
        self._scratch = scratch
        self._part_seconds = part_seconds
        self._limits = limits
        self._kept: dict[UUID, _Kept] = {}

    @asynccontextmanager
    async def of(self, video_id: UUID, on_progress: OnProgress) -> AsyncIterator[Extracted]:
        """The sound of a video while the context lasts; raises what `sources` and `extract` do."""
        kept = self._kept.setdefault(video_id, _Kept())
        kept.users += 1
        try:
            async with kept.lock:
                if kept.extracted is None:
                    kept.extracted = await self._extract(video_id, kept, on_progress)
            yield kept.extracted
        finally:
            kept.users -= 1
            linger = 0.0 if kept.extracted is None else LINGER_SECONDS
            asyncio.get_running_loop().call_later(linger, self._let_go, video_id)

    async def close(self) -> None:
        """Remove every file."""
        for kept in self._kept.values():
            kept.file.close()
        self._kept.clear()

    async def _extract(self, video_id: UUID, kept: _Kept, on_progress: OnProgress) -> Extracted:
        async with self._sources.fetch(video_id) as video:
            with ExitStack() as file:
                _, samples = file.enter_context(self._scratch.file())
                extracted = await extract(
                    video, samples, self._part_seconds, on_progress, self._limits
                )
                kept.file = file.pop_all()
        return extracted

    def _let_go(self, video_id: UUID) -> None:
        kept = self._kept.get(video_id)
        if kept is not None and not kept.users:
            kept.file.close()
            del self._kept[video_id]
