"""Finding the video that a job is about."""

from uuid import UUID

from jobs_service.videos.domain import KnownVideo, VideoHasNoSound, VideoNotFound
from jobs_service.videos.repository import Videos
from shared.db.executor import Executor
from shared.runtime.together import Together
from shared.runtime.waiting import found_within
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
        video = await found_within(self._patience, lambda: self._find((owner, video_id)))
        if video is None or not video.available:
            raise VideoNotFound(f"No video of yours that is ready has the id {video_id}.")
        if with_sound and not video.has_audio:
            raise VideoHasNoSound("There is nothing to caption: the video has no sound track.")
        return video
