"""Films to draw on, and what is to be seen in a copy."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pylopdf_fonts_ko
from numpy.typing import NDArray

from jobs_service.burn_in.domain import Rendering
from jobs_service.captions.domain import Cue
from tests.support.media import make_film

Picture = NDArray[np.uint8]
FONTS = (str(pylopdf_fonts_ko.sans_path()),)
CUES = (Cue(0.5, 1.0, ("Good morning,", "마당에서")),)
"""On the pictures 5 to 9 of a film of ten a second."""


def pictures(width: int = 320, height: int = 240, count: int = 20) -> list[Picture]:
    """Smooth pictures, each a little lighter than the last, so that none is like another."""
    across = np.linspace(30, 110, width)[None, :, None]
    down = np.linspace(0, 50, height)[:, None, None]
    tint = np.array([0.0, 10.0, 20.0])[None, None, :]
    return [(across + down + tint + at).astype(np.uint8) for at in range(count)]


def film(path: Path, *, rotation: int = 0, sample_aspect: Fraction | None = None) -> Path:
    """Two seconds of `pictures`."""
    return make_film(path, pictures(), rotation=rotation, sample_aspect=sample_aspect)


def odd_film(path: Path, width: int, height: int) -> Path:
    """As a screen recorder makes them: odd in both directions, and in RGB."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "bgr0"
        for number, picture in enumerate(pictures(width, height)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def task(video: Path, copy: Path, cues: Sequence[Cue] = CUES) -> Rendering:
    """What a child is asked for."""
    return Rendering(str(video), str(copy), FONTS, tuple(cues), 2.0)


def seen(path: Path) -> list[tuple[float, Picture]]:
    """Every picture with its time, as it is stored."""
    with av.open(str(path)) as container:
        return [(frame.time, _pixels(frame)) for frame in container.decode(video=0)]


def _pixels(frame: av.VideoFrame) -> Picture:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def difference(one: Picture, other: Picture) -> float:
    """The largest difference that is left when pictures are seen from afar: single pixels are the
    codec's."""
    assert one.shape == other.shape
    apart = np.abs(one.astype(int) - other)
    high, wide = (side // 4 * 4 for side in apart.shape[:2])
    coarse = apart[:high, :wide].reshape(high // 4, 4, wide // 4, 4, 3).mean(axis=(1, 3))
    return float(coarse.max())


def packets(path: Path) -> list[bytes]:
    """The sound as it is stored."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]
