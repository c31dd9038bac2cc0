"""The child process that decodes a video's sound to a file and finds where to cut it."""

from io import BufferedWriter
from pathlib import Path

import msgspec
import numpy as np

from jobs_service.recognition.audio import Audio
from jobs_service.recognition.cuts import FRAME_SAMPLES, cuts, levels
from jobs_service.recognition.domain import SoundTooLong, UndecodableVideo
from jobs_service.recognition.messages import Extracted, Extraction, Refusal
from jobs_service.recognition.reporting import Reports
from jobs_service.recognition.sound import (
    SAMPLE_BYTES,
    SAMPLE_RATE,
    Run,
    Sound,
    SoundTrack,
)
from jobs_service.videos.domain import VideoHasNoSound

LONGEST_SECONDS = 24 * 3600
"""More than that is no video but a file that unpacks without end."""
MOST_RUNS = 20_000
_HOLE = 0.5
"""Seconds without sound that are more than a slip of the clock; shorter ones become silence."""
_BLOCK = 250 * FRAME_SAMPLES * SAMPLE_BYTES
"""Bytes that are written and measured at once."""


def main(argument: bytes) -> Extracted | Refusal:
    """Decode the video of an `Extraction`, reporting `Progress`."""
    task = msgspec.json.decode(argument, type=Extraction)
    try:
        with Audio(Path(task.video)) as audio, Path(task.samples).open("wb") as file:
            return _extract(audio, file, task)
    except (VideoHasNoSound, UndecodableVideo, SoundTooLong) as problem:
        return Refusal(problem.code, problem.detail)


def _extract(audio: Audio, file: BufferedWriter, task: Extraction) -> Extracted:
    reports, samples = Reports(audio.duration), _Samples(file)
    for sound in audio.sounds():
        samples.hear(sound)
        reports.reached(sound.end)
    samples.write_rest()
    runs = tuple(samples.runs)
    track = SoundTrack(task.samples, round(max(audio.duration, runs[-1].end), 3), runs)
    found = cuts(np.concatenate(samples.levels), task.part_seconds)
    return Extracted(track, tuple(round(track.time_of(at), 3) for at in found))


class _Samples:
    """The file under way: `runs` of sound so far, and how loud it was."""

    def __init__(self, file: BufferedWriter) -> None:
        self._file = file
        self._waiting = bytearray()
        self._heard = 0
        self.runs: list[Run] = []
        self.levels = [np.empty(0)]

    def hear(self, sound: Sound) -> None:
        """Add what follows; raises SoundTooLong, UndecodableVideo."""
        hole = sound.start - self.runs[-1].end if self.runs else _HOLE
        if hole >= _HOLE:
            if len(self.runs) == MOST_RUNS:
                raise UndecodableVideo(f"The sound breaks off more than {MOST_RUNS} times.")
            self.runs.append(Run(sound.start, self._heard, 0))
        elif hole > 0:
            self._add(bytes(round(hole * SAMPLE_RATE) * SAMPLE_BYTES))
        self._add(sound.pcm)

    def write_rest(self) -> None:
        """Write what has not filled a block."""
        self._write(len(self._waiting))

    def _add(self, pcm: bytes) -> None:
        run = self.runs[-1]
        self.runs[-1] = Run(run.start, run.first, run.count + len(pcm) // SAMPLE_BYTES)
        self._heard += len(pcm) // SAMPLE_BYTES
        if self._heard > LONGEST_SECONDS * SAMPLE_RATE:
            raise SoundTooLong(f"There are more than {LONGEST_SECONDS // 3600} hours of sound.")
        self._waiting += pcm
        while len(self._waiting) >= _BLOCK:
            self._write(_BLOCK)

    def _write(self, count: int) -> None:
        block = bytes(self._waiting[:count])
        del self._waiting[:count]
        self._file.write(block)
        self.levels.append(levels(block))
