"""The sound of a video, decoded for speech recognition: 16 kHz, mono, 16 bits, in small pieces.

Runs in a limited child process, since the input is hostile.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet

from jobs_service.recognition.domain import UndecodableVideo
from jobs_service.recognition.sound import SAMPLE_RATE, Sound
from jobs_service.videos.domain import VideoHasNoSound

_JUMP = 0.05
"""Seconds by which a frame may miss the end of the last one and still continue it."""
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,wav,w64,mp3,aac,"
    "flac,caf,aiff,mxf,dv,amr,au"
)
"""Containers that hold their media themselves: a playlist or a script could name other files."""
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": FORMATS}

_CANNOT_BE_OPENED = (MemoryError, FileNotFoundError, PermissionError)
"""What `av.open` raises when it is not the video that is at fault."""


class Audio:
    """The first audio stream of a video; a context manager.

    Raises UndecodableVideo when the file is no video, and VideoHasNoSound when it has no audio
    stream.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._container = av.open(
                str(path.absolute()), container_options=_OPTIONS, metadata_errors="replace"
            )
        except _CANNOT_BE_OPENED:
            raise
        except (av.FFmpegError, ValueError) as error:
            reason = _reason(error)
            raise UndecodableVideo(f"The file cannot be read as a video: {reason}.") from error
        if not self._container.streams.audio:
            self._container.close()
            raise VideoHasNoSound("The video has no sound track.")
        self._damage = ""

    def __enter__(self) -> "Audio":
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    @property
    def duration(self) -> float:
        """Seconds, as the container states them; 0 when it does not."""
        return max(self._container.duration or 0, 0) / av.time_base

    def sounds(self) -> Iterator[Sound]:
        """All that can be decoded, in order; a damaged piece is left out and its time is kept.

        Times only move forward: a frame that claims an earlier one follows the last. Raises
        UndecodableVideo when there are data and nothing of them can be decoded, VideoHasNoSound
        when there are none.
        """
        heard = False
        for sound in self._runs():
            heard = True
            yield sound
        if not heard and self._damage:
            raise UndecodableVideo(f"The sound track cannot be decoded: {self._damage}.")
        if not heard:
            raise VideoHasNoSound("The sound track of the video is empty.")

    def _runs(self) -> Iterator[Sound]:
        run: _Run | None = None
        for frame in self._frames():
            claimed = None if frame.time is None else frame.time - self._origin
            if run is None or not run.goes_on_with(frame, claimed):
                yield from self._resampled(run, None)
                run = _Run(frame, max(claimed or 0.0, run.end if run else 0.0))
            yield from self._resampled(run, frame)
        yield from self._resampled(run, None)

    @property
    def _origin(self) -> float:
        return (self._container.start_time or 0) / av.time_base

    def _frames(self) -> Iterator[AudioFrame]:
        with self._noting_damage():  # the file breaks off: what came before it is good
            for packet in self._container.demux(self._container.streams.audio[0]):
                yield from self._decoded(packet)

    def _decoded(self, packet: "Packet[AudioStream]") -> Iterator[AudioFrame]:
        with self._noting_damage():
            yield from (frame for frame in packet.decode() if frame.sample_rate > 0)

    def _resampled(self, run: "_Run | None", frame: AudioFrame | None) -> Iterator[Sound]:
        with self._noting_damage():
            yield from run.resampled(frame) if run else ()

    @contextmanager
    def _noting_damage(self) -> Iterator[None]:
        """Note what FFmpeg finds wrong, which it also says as, for example, PermissionError."""
        try:
            yield
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError) as error:
            self._damage = _reason(error)


class _Run:
    """Unbroken frames of one kind, resampled; `end` is where the next frame should begin."""

    def __init__(self, first: AudioFrame, start: float) -> None:
        self._kind = _kind(first)
        self._resampler = AudioResampler("s16", "mono", SAMPLE_RATE)
        self._start, self._samples = start, 0
        self.end = start

    def goes_on_with(self, frame: AudioFrame, claimed: float | None) -> bool:
        """Whether `frame` is of the same kind and leaves no hole."""
        return _kind(frame) == self._kind and (claimed is None or claimed <= self.end + _JUMP)

    def resampled(self, frame: AudioFrame | None) -> Iterator[Sound]:
        """What comes out when `frame` goes in; without one, what the resampler still holds."""
        if frame is not None:
            self.end += frame.samples / frame.sample_rate
        for piece in self._resampler.resample(frame):
            yield Sound(self._start + self._samples / SAMPLE_RATE, piece.to_ndarray().tobytes())
            self._samples += piece.samples


def _kind(frame: AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _reason(error: Exception) -> str:
    """What FFmpeg says, without the path of our temporary file."""
    return (error.strerror if isinstance(error, av.FFmpegError) else None) or "invalid data"
