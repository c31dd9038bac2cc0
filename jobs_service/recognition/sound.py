"""The sound of a video once it has been decoded: a file of samples, and when they are heard.

16 kHz, mono, 16 bits, without a header. Where a video is silent because it has no sound for a
while, the file has nothing: a run says where its samples stand in the file and in the video.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

SAMPLE_RATE = 16_000
SAMPLE_BYTES = 2
BYTES_PER_SECOND = SAMPLE_RATE * SAMPLE_BYTES


class Sound(NamedTuple):
    """Samples, and the seconds from the start of the video at which they are heard."""

    start: float
    pcm: bytes

    @property
    def end(self) -> float:
        """Where the next samples follow."""
        return self.start + len(self.pcm) / BYTES_PER_SECOND


class Run(msgspec.Struct, frozen=True):
    """Sound without a hole: `start` in seconds of the video, `first` and `count` in samples of the
    file."""

    start: float
    first: int
    count: int

    @property
    def end(self) -> float:
        """Where it ends, in seconds of the video."""
        return self.start + self.count / SAMPLE_RATE

    def between(self, start: float, end: float) -> "Run | None":
        """What of it is heard in that time; the same samples never belong to two such times that
        only touch."""
        first = max(round((start - self.start) * SAMPLE_RATE), 0)
        last = min(round((end - self.start) * SAMPLE_RATE), self.count)
        if last <= first:
            return None
        return Run(self.start + first / SAMPLE_RATE, self.first + first, last - first)


class SoundTrack(msgspec.Struct, frozen=True):
    """Decoded sound, or a part of it: `path` is that of the samples; `duration` is the video's, in
    seconds."""

    path: str
    duration: float
    runs: tuple[Run, ...]

    @property
    def seconds(self) -> float:
        """How long something is heard."""
        return sum(run.count for run in self.runs) / SAMPLE_RATE

    def between(self, start: float, end: float) -> "SoundTrack":
        """What is heard in that time."""
        cut = (run.between(start, end) for run in self.runs)
        return msgspec.structs.replace(self, runs=tuple(run for run in cut if run is not None))

    def of(self, run: Run) -> "SoundTrack":
        """One run of it alone."""
        return msgspec.structs.replace(self, runs=(run,))

    def time_of(self, sample: int) -> float:
        """When the sample at that place of the file is heard."""
        for run in self.runs:
            if sample < run.first + run.count:
                return run.start + (sample - run.first) / SAMPLE_RATE
        return self.runs[-1].end if self.runs else 0.0

    def sounds(self, seconds: float = 1.0) -> Iterator[Sound]:
        """Everything that is heard, in order, so many seconds at a time and run by run."""
        most = round(seconds * SAMPLE_RATE)
        with Path(self.path).open("rb") as file:
            for run in self.runs:
                file.seek(run.first * SAMPLE_BYTES)
                for at in range(0, run.count, most):
                    pcm = file.read(min(most, run.count - at) * SAMPLE_BYTES)
                    yield Sound(run.start + at / SAMPLE_RATE, pcm)
