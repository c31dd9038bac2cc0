"""Draws the lines of captions, and lays them over pictures in YUV 4:2:0."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from jobs_service.burn_in.fonts import Fitting, Fonts

_BLACK, _WHITE, _GREY = 16, 235, 128
"""In the limited range of video (ITU-R BT.601 and BT.709): luma of black and white, and chroma of
neither."""
_OF_HEIGHT = 0.05
"""The size of letters as a share of the picture's height, as players show captions."""
_LONGEST_LINE = 42
_OF_WIDTH = 0.9
_LETTER = 0.5
"""How wide a letter is on average, as a share of its size."""
_SMALLEST = 8
"""Pixels: less cannot be read."""
_MARGIN = 0.05
_LINE_HEIGHT = 1.25
_OUTLINE = 0.08

Pixels = NDArray[np.uint16]


class Overlay:
    """Letters over one area of a picture: how much of what is below stays, and what is added."""

    def __init__(self, text: Image.Image, outline: Image.Image, left: int, top: int) -> None:
        """`text` and `outline` are masks of the same even size, the second around the first; `left`
        and `top` are even, too."""
        opaque, white = (np.asarray(one, np.uint16) for one in (outline, text))
        self._left, self._top = left, top
        self._below: Pixels = 255 - opaque
        lit = (255 - white) * _BLACK + white * np.uint32(_WHITE)
        self._luma: Pixels = (opaque * (lit // 255)).astype(np.uint16)
        quarters = opaque.reshape(opaque.shape[0] // 2, 2, opaque.shape[1] // 2, 2)
        coarse = (quarters.sum(axis=(1, 3)) // 4).astype(np.uint16)
        self._below_chroma: Pixels = 255 - coarse
        self._chroma: Pixels = coarse * np.uint16(_GREY)

    def lay_over(self, frame: VideoFrame) -> None:
        """Change the picture, which nobody else may be using."""
        luma, *chromas = frame.planes
        _blend(luma, self._left, self._top, self._below, self._luma)
        for plane in chromas:
            _blend(plane, self._left // 2, self._top // 2, self._below_chroma, self._chroma)


def _blend(plane: VideoPlane, left: int, top: int, below: Pixels, added: Pixels) -> None:
    rows: NDArray[np.uint8] = np.frombuffer(memoryview(plane), np.uint8).reshape(
        -1, plane.line_size
    )
    height, width = below.shape
    area = rows[top : top + height, left : left + width]
    area[:] = (area * below + added + 127) // 255


class Lettering:
    """Draws captions for pictures of one size; `width` and `height` are even."""

    def __init__(self, fonts: Fonts, width: int, height: int) -> None:
        self._fonts = fonts
        self._width, self._height = width, height
        line = width * _OF_WIDTH / (_LONGEST_LINE * _LETTER)
        self._size = max(_SMALLEST, round(min(height * _OF_HEIGHT, line)))
        self.drawn = lru_cache(maxsize=2)(self._drawn)
        """The same lines are drawn once, for all the pictures that they are on."""

    def _drawn(self, lines: tuple[str, ...]) -> Overlay | None:
        """These lines at the bottom, in the middle; None when there is nothing to see of them."""
        rows = [row for line in lines for row in self._rows(line)]
        step = max(1, round(self._size * _LINE_HEIGHT))
        most = max(1, (self._height - 2 * self._outline) // step)
        rows = rows[-most:]
        if not rows:
            return None
        height = min(self._height, _even(len(rows) * step + 2 * self._outline))
        text = Image.new("L", (self._width, height))
        outline = Image.new("L", (self._width, height))
        for number, row in enumerate(rows):
            self._write(row, self._outline + number * step, text, outline)
        top = self._height - height - round(self._height * _MARGIN)
        return Overlay(text, outline, 0, max(0, top // 2 * 2))

    @property
    def _outline(self) -> int:
        return max(1, round(self._size * _OUTLINE))

    def _write(self, row: Fitting, top: int, text: Image.Image, outline: Image.Image) -> None:
        font = self._fonts.sized(row.font, self._size)
        at = ((self._width - font.getlength(row.text)) / 2, top)
        ImageDraw.Draw(text).text(at, row.text, 255, font)
        ImageDraw.Draw(outline).text(
            at, row.text, 255, font, stroke_width=self._outline, stroke_fill=255
        )

    def _rows(self, line: str) -> list[Fitting]:
        """A line of a cue as one row, or as several where the picture is too narrow for it."""
        fitting = self._fonts.fitting(line)
        if fitting is None or not fitting.text.strip():
            return []
        font = self._fonts.sized(fitting.font, self._size)
        room = self._width - 4 * self._outline
        return [Fitting(fitting.font, row) for row in _wrapped(fitting.text, font, room)]


def _wrapped(text: str, font: ImageFont.FreeTypeFont, room: float) -> list[str]:
    """Words on rows of that many pixels; a word that is too long goes over its row's end."""
    rows: list[str] = []
    for word in text.split():
        longer = f"{rows[-1]} {word}" if rows else word
        if rows and font.getlength(longer) <= room:
            rows[-1] = longer
        else:
            rows += _cut(word, font, room)
    return rows


def _cut(word: str, font: ImageFont.FreeTypeFont, room: float) -> Sequence[str]:
    """A word in pieces that fit: scripts without spaces have sentences of one word."""
    pieces = [""]
    for character in word:
        if pieces[-1] and font.getlength(pieces[-1] + character) > room:
            pieces.append("")
        pieces[-1] += character
    return pieces


def _even(length: int) -> int:
    return length + length % 2
