"""The child process that draws captions on the pictures of a video; in a limited one, since the
video is hostile input. Only the file itself may be opened: a playlist could name others."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Final, cast

import av
import msgspec
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from jobs_service.burn_in.domain import Rendered, Rendering, Screen, UndecodablePicture
from jobs_service.burn_in.fonts import Fonts
from jobs_service.burn_in.lettering import Lettering
from jobs_service.burn_in.picture import Canvas
from jobs_service.burn_in.sound import voice_of
from jobs_service.recognition.audio import FORMATS
from jobs_service.recognition.messages import Refusal
from jobs_service.recognition.reporting import Reports
from jobs_service.videos.domain import VideoHasNoPicture

MAX_PIXELS = 8192 * 4320
_OPENING = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
_CODEC: Final = "libx264"
_QUALITY: Final = {"crf": "20", "preset": "veryfast"}
_USUAL_RATE = Fraction(25)


def main(argument: bytes) -> Rendered | Refusal:
    """Write the copy of a `Rendering`, reporting `Progress`."""
    task = msgspec.json.decode(argument, type=Rendering)
    try:
        return render(task)
    except (VideoHasNoPicture, UndecodablePicture) as problem:
        return Refusal(problem.code, problem.detail)


def render(task: Rendering) -> Rendered:
    """Raises VideoHasNoPicture, UndecodablePicture."""
    with _damage():
        with _opened(task.video) as source:
            canvas = _canvas(source)
        with (
            _opened(task.video) as source,
            av.open(task.copy, "w", format="mp4", options={"movflags": "faststart"}) as copy,
        ):
            return _Copying(source, copy, canvas, task).done()


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, PermissionError, MemoryError):
        raise
    except av.ExternalError as error:  # what libx264 says when it gets no memory
        raise MemoryError(f"the encoder failed: {error}") from error
    except (av.FFmpegError, ValueError) as error:
        reason = error.strerror if isinstance(error, av.FFmpegError) else str(error)
        raise UndecodablePicture(f"The video cannot be copied: {reason}.") from error


def _opened(path: str) -> InputContainer:
    return av.open(path, container_options=_OPENING, metadata_errors="replace")


def _picture(source: InputContainer) -> VideoStream:
    """The first film of the file; a cover is none."""
    found = [one for one in source.streams.video if not one.disposition & Disposition.attached_pic]
    if not found:
        raise VideoHasNoPicture("There is no picture to draw captions on.")
    found[0].codec_context.thread_count = 1  # threads reserve address space, which is limited
    found[0].codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return found[0]


def _canvas(source: InputContainer) -> Canvas:
    stream = _picture(source)
    for packet in source.demux(stream):
        for frame in _decoded(packet):
            return Canvas(frame, stream.sample_aspect_ratio)
    raise UndecodablePicture("Not one picture of the video can be decoded.")


def _decoded(packet: "Packet[VideoStream]") -> list[VideoFrame]:
    """The pictures of a packet; a damaged one has none, and the last one before it stays."""
    try:
        return packet.decode()
    except MemoryError:
        raise
    except (av.FFmpegError, ValueError):
        return []


class _Copying:
    """One copy under way."""

    def __init__(
        self, source: InputContainer, copy: OutputContainer, canvas: Canvas, task: Rendering
    ) -> None:
        self._source, self._copy, self._canvas = source, copy, canvas
        self._screen = Screen(task.cues)
        self._lettering = Lettering(Fonts(task.fonts), *canvas.size)
        self._reports = Reports(task.duration)
        self._origin = (source.start_time or 0) / av.time_base
        self._film = _picture(source)
        self._tick = self._film.time_base or Fraction(1, 90_000)
        self._target = self._encoder()
        self._voices = {
            one.index: voice_of(one, copy, self._origin) for one in source.streams.audio
        }
        self._frames = 0
        self._last = -1

    def done(self) -> Rendered:
        """The copy, with the sound of the original between its pictures."""
        for packet in self._source.demux(self._film, *self._source.streams.audio):
            if voice := self._voices.get(packet.stream.index):
                self._copy.mux([*voice.taken(cast("Packet[AudioStream]", packet))])
            else:
                for frame in _decoded(cast("Packet[VideoStream]", packet)):
                    self._draw(frame)
        self._copy.mux(self._target.encode(None))
        return Rendered(self._frames, *self._canvas.size)

    def _encoder(self) -> VideoStream:
        rate = self._film.average_rate or self._film.guessed_rate or _USUAL_RATE
        target = self._copy.add_stream(_CODEC, rate=rate, options=dict(_QUALITY))
        target.width, target.height = self._canvas.size
        target.pix_fmt = "yuv420p"
        context, told = target.codec_context, self._film.codec_context
        context.thread_count = 1
        context.time_base = self._tick
        context.color_primaries, context.color_trc = told.color_primaries, told.color_trc
        context.colorspace = told.colorspace
        return target

    def _draw(self, frame: VideoFrame) -> None:
        moment = self._moment(frame)
        at = round(moment / self._tick)
        if at <= self._last:  # two pictures at one moment: nobody sees the second
            return
        placed = self._canvas.placed(frame)
        if (lines := self._screen.at(moment)) and (overlay := self._lettering.drawn(lines)):
            overlay.lay_over(placed)
        placed.pts, placed.time_base = at, self._tick
        self._copy.mux(self._target.encode(placed))
        self._frames, self._last = self._frames + 1, at
        self._reports.reached(moment)

    def _moment(self, frame: VideoFrame) -> float:
        """Seconds after the begin; a picture that does not say follows the last one."""
        if frame.pts is not None:
            return max(0.0, frame.time - self._origin)
        rate = self._film.average_rate or _USUAL_RATE
        return float(max(0, self._last) * self._tick + 1 / rate)
