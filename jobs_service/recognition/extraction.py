"""Decodes the sound of a video to a file, in a child, since the input is hostile."""

from pathlib import Path

from jobs_service.recognition.children import in_child
from jobs_service.recognition.domain import OnProgress
from jobs_service.recognition.messages import Extracted, Extraction
from shared.runtime.children import Limits

_CHILD = "jobs_service.recognition.extraction_child"


async def extract(
    video: Path, samples: Path, part_seconds: float, on_progress: OnProgress, limits: Limits
) -> Extracted:
    """The sound of the video at `video`, with its samples in the file `samples`.

    Raises VideoHasNoSound, UndecodableVideo, SoundTooLong, RecognitionTooSlow or
    RecognitionTooLarge.
    """
    task = Extraction(str(video), str(samples), part_seconds)
    return await in_child(_CHILD, task, Extracted, on_progress, limits)
