"""Chooses and draws a poster; in the limited child process, on a file that was found to be sound.

A film often begins with black, or fades in: of a few moments of its first tenth, the first with
enough light and contrast is taken, else the best. A frame is shrunk before it is looked at.
"""

import math
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Final, NamedTuple

import av
from av.codec.context import Flags
from av.container import InputContainer
from av.error import FFmpegError
from av.filter import Graph
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

MAX_WIDTH = 640
MAX_HEIGHT = 1280
_MOMENTS = (0.05, 0.1, 0.025, 0.075, 0.0)
"""Where to look, as shares of the duration."""
_FRAMES_A_MOMENT = 48
"""How far to decode from the key frame before a moment towards it."""
_CPU_SECONDS = 10.0
_GLANCE = 32
"""The side of the small grey picture that a frame is judged by."""
_LIGHT = range(24, 232)
_CONTRAST = 20.0
_QUALITY = 4 * 118
"""FFmpeg's scale of quantisers, 2 (best) to 31, times FF_QP2LAMBDA."""
_TURNS: Final[dict[int, tuple[tuple[str, str | None], ...]]] = {
    90: (("transpose", "cclock"),),
    -90: (("transpose", "clock"),),
    180: (("hflip", None), ("vflip", None)),
}
"""FFmpeg's filters for each turn, counter-clockwise."""


class Shape(NamedTuple):
    """Width and height in square pixels, as a picture is shown: turned as its file says."""

    width: int
    height: int


class Drawn(NamedTuple):
    """A poster as a JPEG file, and the shape of the video that it is of."""

    jpeg: bytes
    shape: Shape


class Seen(NamedTuple):
    """A frame, and how much there is to be seen on it."""

    frame: VideoFrame
    score: float


def shape_of(frame: VideoFrame, sample_aspect: Fraction | None) -> Shape:
    """How a frame is shown; an aspect of its samples beyond 1:8 is nonsense, and ignored."""
    aspect = sample_aspect or Fraction(1)
    if not Fraction(1, 8) <= aspect <= 8:
        aspect = Fraction(1)
    width = max(1, round(frame.width * aspect))
    return Shape(frame.height, width) if _is_on_its_side(frame) else Shape(width, frame.height)


def draw(container: InputContainer, stream: VideoStream, seconds: float) -> Drawn | None:
    """The poster; None where no frame of the first tenth can be decoded."""
    best: Seen | None = None
    for frame in _candidates(container, stream, seconds):
        seen = _judged(frame)
        if best is None or seen.score > best.score:
            best = seen
        if math.isinf(best.score):
            break
    if best is None:
        return None
    shape = shape_of(best.frame, stream.sample_aspect_ratio)
    return Drawn(_jpeg(best.frame, shape), shape)


def _candidates(
    container: InputContainer, stream: VideoStream, seconds: float
) -> Iterator[VideoFrame]:
    until = time.process_time() + _CPU_SECONDS
    begin = float((stream.start_time or 0) * (stream.time_base or 0))
    for share in _MOMENTS:
        moment = begin + share * seconds
        try:  # the last resort is before any begin: not every format seeks exactly
            container.seek(int(moment * av.time_base) if share else min(0, int(begin)))
            found = _frame_at(container, stream, moment, until)
        except FFmpegError:
            continue  # this moment cannot be decoded or sought: the others may
        if found is not None:
            yield found
        if time.process_time() >= until:
            return


def _frame_at(
    container: InputContainer, stream: VideoStream, moment: float, until: float
) -> VideoFrame | None:
    """The frame at `moment`, or the last before it within reach."""
    found = None
    for number, frame in enumerate(container.decode(stream), 1):
        found = frame
        late = number >= _FRAMES_A_MOMENT or time.process_time() >= until
        if late or frame.pts is None or frame.time >= moment:
            break
    return found


def _judged(frame: VideoFrame) -> Seen:
    """Contrast, in steps of grey; without end when light and contrast are good enough."""
    glance = frame.reformat(width=_GLANCE, height=_GLANCE, format="gray")
    plane = glance.planes[0]
    pixels = bytes(plane)
    starts = range(0, plane.line_size * _GLANCE, plane.line_size)
    values = b"".join(pixels[at : at + _GLANCE] for at in starts)
    mean = sum(values) / len(values)
    contrast = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    good = int(mean) in _LIGHT and contrast >= _CONTRAST
    return Seen(frame, math.inf if good else contrast)


def _jpeg(frame: VideoFrame, shown: Shape) -> bytes:
    factor = min(1.0, MAX_WIDTH / shown.width, MAX_HEIGHT / shown.height)
    width, height = (max(2, round(side * factor)) for side in shown)
    if _is_on_its_side(frame):
        width, height = height, width
    small = frame.reformat(width=width, height=height, format="yuvj420p")
    return _encoded(_turned(small, frame.rotation))


def _is_on_its_side(frame: VideoFrame) -> bool:
    return _turn(frame.rotation) in (90, -90)


def _turn(rotation: int) -> int:
    """The nearest quarter, counter-clockwise: 0, 90, -90 or 180."""
    quarter = round(rotation / 90) * 90 % 360
    return quarter if quarter <= 180 else quarter - 360


def _turned(frame: VideoFrame, rotation: int) -> VideoFrame:
    turn = _turn(rotation)
    if turn == 0:
        return frame
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1)
    )
    filters = [graph.add(name, how) for name, how in _TURNS[turn]]
    graph.link_nodes(source, *filters, graph.add("buffersink")).configure()
    frame.pts, frame.time_base = 0, Fraction(1)
    graph.push(frame)
    turned = graph.pull()
    if not isinstance(turned, VideoFrame):
        raise TypeError("the filters of a picture gave no picture")
    return turned


def _encoded(frame: VideoFrame) -> bytes:
    encoder = VideoCodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuvj420p"
    encoder.time_base = Fraction(1)
    encoder.thread_count = 1
    encoder.flags |= Flags.qscale | Flags.bitexact  # the same file for the same frame
    encoder.global_quality = _QUALITY
    frame.pts, frame.time_base = 0, Fraction(1)
    return b"".join(bytes(one) for one in (*encoder.encode(frame), *encoder.encode(None)))
