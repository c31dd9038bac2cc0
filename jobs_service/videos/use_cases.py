"""Finding the video that a job is about."""

import asyncio
from uuid import UUID

from jobs_service.videos.domain import KnownVideo, VideoHasNoSound, VideoNotFound
from jobs_service.videos.repository import Videos
from shared.db.executor import Executor
from shared.runtime.together import Together
from shared.security.principal import UserId

_MOST = 100
"""Videos that one statement finds."""


class FindVideo:
    """The caller's video, once it can be worked on.

    A client may ask in the very moment content has called the video ready: the news is given
    `patience` seconds to arrive before the answer is that there is no such video.
    """

    def __init__(self, executor: Executor, patience: float = 1.0) -> None:
        self._find = Together(Videos(executor).find_each, most=_MOST)
        self._patience = patience

    async def __call__(
        self, owner: UserId, video_id: UUID, *, with_sound: bool = True
    ) -> KnownVideo:
        """Find it; raises `VideoNotFound`, or `VideoHasNoSound` where that matters."""
        video = await self._find((owner, video_id))
        waited, step = 0.0, 0.02
        while video is None and waited < self._patience:
            await asyncio.sleep(step)
            waited, step = waited + step, step * 2
            video = await self._find((owner, video_id))
        if video is None or not video.available:
            raise VideoNotFound(f"No video of yours that is ready has the id {video_id}.")
        if with_sound and not video.has_audio:
            raise VideoHasNoSound("There is nothing to caption: the video has no sound track.")
        return video
