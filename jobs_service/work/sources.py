"""Where the worker gets the video of a job: from the content service, streamed to a file."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx

from shared.errors import NotFound, Unavailable
from shared.storage.scratch import Scratch

CHUNK_BYTES = 1024 * 1024


class SourceGone(NotFound):
    """The video was removed after the job had been submitted."""

    code, title = "video_gone", "The video has been removed"


class SourceUnavailable(Unavailable):
    """The content service does not hand out the video right now."""

    code, title = "source_unavailable", "The video could not be fetched"


@dataclass(frozen=True, slots=True)
class Sources:
    """Videos by id; `content` carries this service's token, `scratch` holds what is fetched."""

    content: httpx.AsyncClient
    scratch: Scratch

    @asynccontextmanager
    async def fetch(self, video_id: UUID) -> AsyncIterator[Path]:
        """A local copy of the video while the context lasts.

        Raises SourceGone, or SourceUnavailable, which is worth another try.
        """
        with self.scratch.file() as (file, path):
            try:
                async with self.content.stream(
                    "GET", f"/internal/videos/{video_id}/content"
                ) as answer:
                    if answer.status_code in (404, 410):
                        raise SourceGone("The video was removed before the job could run.")
                    answer.raise_for_status()
                    async for chunk in answer.aiter_bytes(CHUNK_BYTES):
                        await asyncio.to_thread(file.write, chunk)
            except httpx.HTTPError as error:
                kind = type(error).__name__
                raise SourceUnavailable(f"The content service did not send it: {kind}.") from error
            yield path
