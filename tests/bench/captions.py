"""Captions: errors on the shipped sample, and speed as a multiple of real time on one core.

    python -m tests.bench.captions [VIDEO] [REFERENCE TEXT]

The CPU time of the child is counted, its start (loading the model, about 0.7 s) included.
"""

import asyncio
import random
import resource
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

from jobs_service.captions.domain import Transcript, Word
from jobs_service.captions.track import make_track
from shared.runtime.children import Limits
from tests.support.recognition import recognise
from tests.support.sound import silence, speech
from tests.support.suite import SAMPLE
from tests.support.word_errors import word_error_rate

LIMITS = Limits(memory_bytes=2 * 1024**3, cpu_seconds=3600, wall_seconds=3600)
MANY_WORDS = 40_000
"""About four hours of speech."""


async def main() -> None:
    """Print the figures."""
    video = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE
    reference = Path(sys.argv[2]) if len(sys.argv) > 2 else SAMPLE.with_suffix(".txt")
    transcript, cpu, wall = await _measured(video)
    text = " ".join(word.text for word in transcript.words)
    errors = word_error_rate(reference.read_text(), text)
    _print("word error rate", f"{100 * errors:.1f} % of {len(transcript.words)} words")
    _print("one video", f"{transcript.duration:.1f} s of it in {wall:.1f} s, CPU {cpu:.1f} s")
    _print("captions pass their rules", str(make_track(transcript).quality.passed))
    await _print_speeds()
    _print_segmentation()


async def _print_speeds() -> None:
    with TemporaryDirectory() as directory:
        for name, make in {"speech": speech, "silence": silence}.items():
            transcript, cpu, _ = await _measured(make(Path(directory, f"{name}.wav"), 300))
            _print(f"speed on {name}, one core", f"{transcript.duration / cpu:.1f} x real time")


async def _measured(video: Path) -> tuple[Transcript, float, float]:
    wall, cpu = perf_counter(), _cpu_of_children()
    transcript = await recognise(video, LIMITS)
    return transcript, _cpu_of_children() - cpu, perf_counter() - wall


def _print_segmentation() -> None:
    dice, now, words = random.Random(0), 0.0, []
    vocabulary = SAMPLE.with_suffix(".txt").read_text().split()
    for _ in range(MANY_WORDS):
        text = dice.choice(vocabulary)
        words.append(Word(text, now, now + 0.3, 1.0))
        now += dice.choice([0.3, 0.35, 0.7])
    cpu = process_time()
    cues = make_track(Transcript("en", "sphinx", now, tuple(words))).cues
    took = process_time() - cpu
    _print("cues", f"{len(cues)} of {MANY_WORDS} words in {took:.2f} s of CPU")


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _print(what: str, figure: str) -> None:
    sys.stdout.write(f"{what:28}{figure}\n")


if __name__ == "__main__":
    asyncio.run(main())
