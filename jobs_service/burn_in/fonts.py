"""Fonts for captions: which of them has the letters of a line."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from PIL import ImageFont, features

_NO_CHARACTER: Final = "\U0010fffe"
"""What no font has: it is drawn as whatever the font lacks."""
_SAMPLE_SIZE = 20
_NEEDED = ("L", "N", "M")
"""Categories of Unicode that a text cannot do without: letters, digits, marks."""


class Fitting(NamedTuple):
    """A line as it can be drawn, and with which font, by its place in the list."""

    font: int
    text: str


class Fonts:
    """Fonts by their paths, those to be preferred first."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = tuple(paths)
        # letter by letter: what a font lacks must not be hidden by what is beside it
        self._samples = [
            ImageFont.truetype(path, _SAMPLE_SIZE, layout_engine=ImageFont.Layout.BASIC)
            for path in paths
        ]
        self._nothing = [_drawn(font, _NO_CHARACTER) for font in self._samples]
        self._known: dict[tuple[int, str], bool] = {}
        self._sized: dict[tuple[int, int], ImageFont.FreeTypeFont] = {}

    def sized(self, font: int, size: int) -> ImageFont.FreeTypeFont:
        """A font of the list at `size` pixels, for whole lines: letters are joined and ordered as
        their script wants it."""
        if (font, size) not in self._sized:
            engine = ImageFont.Layout.RAQM if features.check("raqm") else ImageFont.Layout.BASIC
            found = ImageFont.truetype(self._paths[font], size, layout_engine=engine)
            self._sized[font, size] = found
        return self._sized[font, size]

    def fitting(self, line: str) -> Fitting | None:
        """The first font that has every letter of `line`, and most else of it; None when there is
        none. What the font lacks besides letters is left out."""
        best: tuple[int, int] | None = None
        for font in range(len(self._paths)):
            missing = self._missing(font, line)
            if not any(map(_is_needed, missing)) and (best is None or len(missing) < best[0]):
                best = len(missing), font
        if best is None:
            return None
        missing = self._missing(best[1], line)
        return Fitting(best[1], "".join(one for one in line if one not in missing))

    def lacking(self, lines: Iterable[str]) -> list[str]:
        """Letters for want of which some of these lines cannot be drawn, sorted."""
        lacking: set[str] = set()
        for line in {*lines}:
            if self.fitting(line) is None:
                each = [self._missing(font, line) for font in range(len(self._paths))]
                lacking |= {one for one in min(each, key=len) if _is_needed(one)}
        return sorted(lacking)

    def left_out(self, lines: Iterable[str]) -> list[str]:
        """Signs that are not drawn, such as emoji, sorted."""
        left: set[str] = set()
        for line in {*lines}:
            if fitting := self.fitting(line):
                left |= {one for one in set(line) - set(fitting.text) if one.isprintable()}
        return sorted(left)

    def _missing(self, font: int, line: str) -> set[str]:
        return {one for one in set(line) if not self._has(font, one)}

    def _has(self, font: int, character: str) -> bool:
        key = font, character
        if key not in self._known:
            self._known[key] = _drawn(self._samples[font], character) != self._nothing[font]
        return self._known[key]


def _is_needed(character: str) -> bool:
    return unicodedata.category(character)[0] in _NEEDED


def _drawn(font: ImageFont.FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)
