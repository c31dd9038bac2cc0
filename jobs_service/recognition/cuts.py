"""Where sound is cut into parts: in the quietest moments near even lengths."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from jobs_service.recognition.sound import SAMPLE_BYTES, SAMPLE_RATE

FRAMES_PER_SECOND = 50
FRAME_SAMPLES = SAMPLE_RATE // FRAMES_PER_SECOND
_PAUSE = round(0.6 * FRAMES_PER_SECOND)
"""Frames that are quiet together: longer than what is between two words of a sentence."""
_SPLIT_FROM = 1.5
"""What is shorter than this many parts stays whole."""
_STRAY = 0.25
_STRAY_FRAMES = 20 * FRAMES_PER_SECOND
"""How far a cut may stray from where an even one would be: a quarter of a part, at most 20 s."""

Levels = NDArray[np.float64]


def levels(pcm: bytes) -> Levels:
    """How loud each whole frame is: the logarithm of its energy."""
    samples = np.frombuffer(pcm, np.int16, len(pcm) // SAMPLE_BYTES).astype(np.float64)
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return np.asarray(np.log1p(np.square(frames).mean(axis=1)), np.float64)


def cuts(loudness: Levels, seconds: float) -> list[int]:
    """The samples at which sound is cut into parts of about `seconds`; none when it is short.

    Each lies in the middle of the quietest 0.6 seconds near an even cut, so that no word is cut
    where there is a pause, and whatever is done with a part can be done with all of them at once.
    """
    return [at * FRAME_SAMPLES for at in _frames(loudness, seconds * FRAMES_PER_SECOND)]


def _frames(loudness: Levels, wanted: float) -> Iterator[int]:
    count = round(len(loudness) / wanted)
    if len(loudness) < _SPLIT_FROM * wanted or count < 2:
        return
    length = len(loudness) / count
    stray = min(_STRAY * length, _STRAY_FRAMES)
    sums = np.concatenate(([0.0], np.cumsum(loudness)))
    pauses = sums[_PAUSE:] - sums[:-_PAUSE]
    for number in range(1, count):
        first = round(number * length - stray)
        last = max(round(number * length + stray) - _PAUSE, first + 1)
        yield first + int(np.argmin(pauses[first:last])) + _PAUSE // 2
