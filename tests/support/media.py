"""Small media files made on the spot, with PyAV."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

_RATE = 16_000
_SAMPLES = 1_024


def make_media(
    path: Path,
    *,
    seconds: float = 2.0,
    picture: bool = True,
    sound: bool = True,
    sound_tracks: int = 1,
    faststart: bool = False,
) -> Path:
    """Write a file of the container that the suffix of `path` names; the path.

    The picture is 64 by 48 pixels at 10 a second, the sound a 440 Hz tone. `faststart` puts the
    index of an MP4 first, as for streaming.
    """
    options = {"movflags": "faststart"} if faststart else {}
    with av.open(str(path), "w", options=options) as container:
        video = _video_stream(container, path.suffix) if picture else None
        tones = [_audio_stream(container, path.suffix) for _ in range(sound_tracks if sound else 0)]
        if video is not None:
            _draw(container, video, seconds)
        for tone in tones:
            _play(container, tone, seconds)
    return path


def _video_stream(container: OutputContainer, suffix: str) -> VideoStream:
    codec = {".webm": "libvpx-vp9", ".avi": "mpeg4"}.get(suffix, "libx264")
    stream = container.add_stream(codec, rate=10)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    stream.thread_count = 1
    return stream


def _audio_stream(container: OutputContainer, suffix: str) -> AudioStream:
    codec = {
        ".webm": "libopus",
        ".ogg": "libopus",
        ".wav": "pcm_s16le",
        ".mp3": "libmp3lame",
        ".avi": "libmp3lame",
    }.get(suffix, "aac")
    stream = container.add_stream(codec, rate=_RATE, layout="mono")
    assert isinstance(stream, AudioStream)
    return stream


def _draw(container: OutputContainer, stream: VideoStream, seconds: float) -> None:
    noise = np.random.default_rng(7)
    for number in range(round(seconds * 10)):
        pixels = noise.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, 10)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def _play(container: OutputContainer, stream: AudioStream, seconds: float) -> None:
    resampler = av.AudioResampler(stream.format, stream.layout, _RATE, stream.frame_size or None)
    for start in range(0, round(seconds * _RATE), _SAMPLES):
        moments = np.arange(start, start + _SAMPLES) / _RATE
        tone = (np.sin(2 * np.pi * 440 * moments) * 8_000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(tone.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = _RATE, start, Fraction(1, _RATE)
        for resampled in resampler.resample(frame):
            container.mux(stream.encode(resampled))
    for resampled in resampler.resample(None):
        container.mux(stream.encode(resampled))
    container.mux(stream.encode())


def make_film(
    path: Path,
    pictures: Sequence[np.ndarray],
    *,
    rotation: int = 0,
    sample_aspect: Fraction | None = None,
) -> Path:
    """Write a film of these pictures (rows of red, green, blue), ten a second and each a key frame,
    to be shown turned by `rotation` degrees counter-clockwise; the path."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"g": "1", "crf": "10"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.thread_count = "yuv420p", 1
        if sample_aspect is not None:
            stream.codec_context.sample_aspect_ratio = sample_aspect
        if rotation:
            stream.set_display_rotation(rotation)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
