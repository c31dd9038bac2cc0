"""Pictures of a video as the copy has them: upright, of square pixels, in YUV 4:2:0, and even."""

from fractions import Fraction
from typing import Final, NamedTuple

from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

LONGEST_SIDE = 3840
"""Pixels: larger pictures are made smaller; to encode them takes more memory than a job has."""
_FORMAT = "yuv420p"
_TURNS: Final[dict[int, tuple[tuple[str, str | None], ...]]] = {
    0: (),
    90: (("transpose", "cclock"),),
    -90: (("transpose", "clock"),),
    180: (("hflip", None), ("vflip", None)),
}
"""FFmpeg's filters for each turn, counter-clockwise."""


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


class Canvas:
    """Brings every picture into the form of the first one."""

    def __init__(self, first: VideoFrame, sample_aspect: Fraction | None) -> None:
        self._scaled = _scaled(first, sample_aspect)
        self._turn = _turn(first.rotation)
        turned = Size(*self._scaled[::-1]) if self._turn in (90, -90) else self._scaled
        self.size = Size(turned.width // 2 * 2, turned.height // 2 * 2)
        filters = [*_TURNS[self._turn]]
        if self.size != turned:  # the last row or column goes; to scale would blur all of them
            filters.append(("crop", f"{self.size.width}:{self.size.height}:0:0:exact=1"))
        self._graph = self._composed(filters) if filters else None

    def placed(self, frame: VideoFrame) -> VideoFrame:
        """A picture that may be drawn on."""
        fitted = frame.reformat(
            width=self._scaled.width,
            height=self._scaled.height,
            format=_FORMAT,
            dst_color_range=ColorRange.MPEG,
        )
        if self._graph is not None:
            fitted.pts, fitted.time_base = 0, Fraction(1)
            self._graph.push(fitted)
            pulled = self._graph.pull()
            if not isinstance(pulled, VideoFrame):
                raise TypeError("the filters of a picture gave no picture")
            fitted = pulled
        fitted.make_writable()  # the decoder may still need it as it was
        return fitted

    def _composed(self, filters: list[tuple[str, str | None]]) -> Graph:
        graph = Graph()
        source = graph.add_buffer(
            width=self._scaled.width,
            height=self._scaled.height,
            format=VideoFormat(_FORMAT),
            time_base=Fraction(1),
        )
        made = [graph.add(name, how) for name, how in filters]
        graph.link_nodes(source, *made, graph.add("buffersink")).configure()
        return graph


def _scaled(frame: VideoFrame, sample_aspect: Fraction | None) -> Size:
    """The size of a picture in square pixels; an aspect of its samples beyond 1:8 is nonsense."""
    aspect = sample_aspect or Fraction(1)
    if not Fraction(1, 8) <= aspect <= 8:
        aspect = Fraction(1)
    width, height = float(frame.width * aspect), float(frame.height)
    factor = min(1.0, LONGEST_SIDE / max(width, height))
    return Size(max(2, round(width * factor)), max(2, round(height * factor)))


def _turn(rotation: int) -> int:
    """The nearest quarter, counter-clockwise: 0, 90, -90 or 180."""
    quarter = round(rotation / 90) * 90 % 360
    return quarter if quarter <= 180 else quarter - 360
