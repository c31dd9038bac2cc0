"""Sound files for whole jobs: speech that lasts, and silence that is quick to make."""

import wave
from pathlib import Path

import av

from tests.support.suite import SAMPLE

_RATE = 16_000


def speech(path: Path, seconds: float) -> Path:
    """A WAV file that says what the sample says, again and again; the path."""
    with av.open(str(SAMPLE)) as container:
        resampler = av.AudioResampler("s16", "mono", _RATE)
        frames = [one for frame in container.decode(audio=0) for one in resampler.resample(frame)]
    once = b"".join(bytes(frame.planes[0])[: frame.samples * 2] for frame in frames)
    wanted = round(seconds * _RATE) * 2
    return _write(path, (once * (wanted // len(once) + 1))[:wanted])


def silence(path: Path, seconds: float) -> Path:
    """A WAV file in which nothing is heard; the path."""
    return _write(path, bytes(round(seconds * _RATE) * 2))


def _write(path: Path, samples: bytes) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(samples)
    return path
