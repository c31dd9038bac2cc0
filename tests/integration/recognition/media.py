"""Sound files with the properties that a test is about."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

TONE = 440


def write_tone(
    path: Path,
    *,
    starts: tuple[float, ...] = (0.0,),
    seconds: float = 1.0,
    rate: int = 16_000,
    layout: str = "mono",
    picture_from: float | None = None,
) -> Path:
    """A file of PCM in Matroska with a tone of `seconds` at each of `starts`; the path.

    `picture_from` adds a picture whose first frame is at that time.
    """
    with av.open(str(path), "w") as container:
        sound = container.add_stream("pcm_s16le", rate=rate, layout=layout)
        picture = container.add_stream("mpeg4", rate=10) if picture_from is not None else None
        if picture is not None and picture_from is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
            still = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            still.pts, still.time_base = round(picture_from * 10), Fraction(1, 10)
            container.mux([*picture.encode(still), *picture.encode(None)])
        for start in starts:
            for at in np.arange(start, start + seconds, 0.1):
                container.mux(sound.encode(_tenth(float(at), rate, layout)))
        container.mux(sound.encode(None))
    return path


def _tenth(start: float, rate: int, layout: str) -> av.AudioFrame:
    """A tenth of a second of the tone, the same in each channel."""
    time = start + np.arange(rate // 10) / rate
    tone = (8000 * np.sin(2 * np.pi * TONE * time)).astype(np.int16)
    channels = av.AudioLayout(layout).nb_channels
    frame = av.AudioFrame.from_ndarray(np.repeat(tone, channels)[np.newaxis, :], "s16", layout)
    frame.sample_rate, frame.pts, frame.time_base = rate, round(start * rate), Fraction(1, rate)
    return frame
