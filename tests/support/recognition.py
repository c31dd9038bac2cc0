"""Recognition of a file as a worker does it, without a job."""

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from jobs_service.captions.domain import Transcript
from jobs_service.recognition.domain import OnProgress, Provider
from jobs_service.recognition.extraction import extract
from jobs_service.recognition.offers import ProviderName
from jobs_service.recognition.recognised import transcript_of
from jobs_service.recognition.sphinx import Sphinx
from shared.runtime.children import Limits

PART_SECONDS = 3600.0


async def ignore(_: float) -> None:
    """Nobody watches."""


async def recognise(
    video: Path,
    limits: Limits,
    *,
    language: str = "en",
    name: ProviderName = "sphinx",
    provider: Provider | None = None,
    on_progress: OnProgress = ignore,
    part_seconds: float = PART_SECONDS,
) -> Transcript:
    """What is said in `video`; recognised in parts, one after the other, if it is long."""
    provider = provider or Sphinx(limits)
    with TemporaryDirectory() as directory:
        samples = Path(directory, "samples")
        extracted = await extract(video, samples, part_seconds, ignore, limits)
        track = extracted.track
        bounds = (0.0, *extracted.cuts, track.duration + 1)
        parts = [track.between(*one) for one in pairwise(bounds)]
        heard = [await provider.recognise(part, language, on_progress) for part in parts]
    return transcript_of(heard, language, name, provider, track.duration)
