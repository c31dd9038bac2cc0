"""TTML, in the part of it that the IMSC 1.1 Text Profile (W3C) and every player share."""

import re
from collections.abc import Iterable
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr  # nosec - writes, and reads nothing

from jobs_service.captions.cues import BrokenCaptionFile, clean_lines
from jobs_service.captions.domain import Cue
from jobs_service.captions.time_codes import time_code

_TT: Final = "http://www.w3.org/ns/ttml"
_PARAMETER: Final = f"{_TT}#parameter"
_HEAD: Final = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="{_TT}" xmlns:ttp="{_PARAMETER}" xmlns:tts="{_TT}#styling"
    ttp:contentProfiles="{_TT}/profile/imsc1.1/text" ttp:timeBase="media" xml:lang=%s>
  <head>
    <styling>
      <style xml:id="caption" tts:color="white" tts:backgroundColor="#000000c0"
             tts:fontFamily="proportionalSansSerif" tts:fontSize="100%%" tts:textAlign="center"/>
    </styling>
    <layout>
      <region xml:id="bottom" tts:origin="10%% 10%%" tts:extent="80%% 80%%"
              tts:displayAlign="after"/>
    </layout>
  </head>
  <body style="caption" region="bottom">
    <div>
"""
_TAIL: Final = "    </div>\n  </body>\n</tt>\n"
# no more digits than mean anything: thousands make no number that can be reckoned with
_CLOCK = re.compile(r"(\d{2,9}):(\d\d):(\d\d)(?:(\.\d+)|:(\d{2,12})(?:\.\d+)?)?")
_OFFSET = re.compile(r"(\d{1,24}(?:\.\d+)?)(h|ms|m|s|f|t)")
_RATE = re.compile(r"(?=0*[1-9])\d{1,12}", re.ASCII)
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_MAX_DEPTH = 100


def ttml(cues: Iterable[Cue], language: str) -> bytes:
    """A document of the IMSC 1.1 Text Profile."""
    paragraphs = "".join(
        f'      <p xml:id="c{number}" begin="{time_code(cue.start)}" end="{time_code(cue.end)}">'
        f"{'<br/>'.join(escape(line) for line in cue.lines)}</p>\n"
        for number, cue in enumerate(cues, 1)
    )
    return (_HEAD % quoteattr(language) + paragraphs + _TAIL).encode()


def read_ttml(text: str) -> list[tuple[int, Cue]]:
    """The paragraphs of a document, each with the number of its line.

    Nothing outside of it is read and no entity is defined in it: a document type is refused, so
    that there is nothing to expand. Raises BrokenCaptionFile.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        what = expat.ErrorString(error.code)
        raise BrokenCaptionFile(f"Line {error.lineno}: this is not XML: {what}.") from None
    return reader.cues


class _Reader:
    def __init__(self) -> None:
        self.cues: list[tuple[int, Cue]] = []
        self.parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self._frame_rate = 30.0
        self._tick_rate = 1.0
        self._begins = [0.0]
        self._paragraph: tuple[int, float, float] | None = None
        self._said: list[str] = []

    def _fault(self, what: str) -> BrokenCaptionFile:
        return BrokenCaptionFile(f"Line {self.parser.CurrentLineNumber}: {what}")

    def _refuse_doctype(self, *_: object) -> None:
        raise self._fault("a document type (<!DOCTYPE) is not taken; TTML has none.")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(" ")[2]
        if len(self._begins) == 1 and tag != "tt":
            raise self._fault(f"the document must be TTML (<tt>); it is <{tag[:50]}>.")
        if len(self._begins) > _MAX_DEPTH:
            raise self._fault(f"elements are nested more than {_MAX_DEPTH} deep.")
        if tag == "tt":
            self._set_rates(attributes)
        begin = self._begins[-1]
        if tag in {"body", "div", "p"} and "begin" in attributes:
            begin += self._seconds(attributes["begin"])
        self._begins.append(begin)
        if tag == "p":
            self._open(begin, attributes)
        elif tag == "br":
            self._said.append("\n")

    def _set_rates(self, attributes: dict[str, str]) -> None:
        for field, name in (("_frame_rate", "frameRate"), ("_tick_rate", "tickRate")):
            given = attributes.get(f"{_PARAMETER} {name}", "")
            if _RATE.fullmatch(given):
                setattr(self, field, float(given))
        rate = attributes.get(f"{_PARAMETER} frameRateMultiplier", "").split()
        if len(rate) == 2 and all(map(_RATE.fullmatch, rate)):
            self._frame_rate *= int(rate[0]) / int(rate[1])

    def _open(self, begin: float, attributes: dict[str, str]) -> None:
        if "end" in attributes:
            end = self._begins[-2] + self._seconds(attributes["end"])
        elif "dur" in attributes:
            end = begin + self._seconds(attributes["dur"])
        else:
            raise self._fault("a paragraph (<p>) needs begin and end, or begin and dur.")
        self._paragraph = (self.parser.CurrentLineNumber, begin, end)
        self._said = []

    def _text(self, text: str) -> None:
        # a line break in the source is a space; only <br/> breaks a line
        self._said.append(text.replace("\n", " ") if self._paragraph else "")

    def _end(self, name: str) -> None:
        self._begins.pop()
        if name.rpartition(" ")[2] == "p" and self._paragraph:
            line, begin, end = self._paragraph
            lines = clean_lines("".join(self._said))
            self.cues.append((line, Cue(round(begin, 3), round(end, 3), lines)))
            self._paragraph = None

    def _seconds(self, given: str) -> float:
        """A time expression (TTML2, 12.3.1): a clock time, or an offset with its unit."""
        if clock := _CLOCK.fullmatch(given):
            hours, minutes, seconds, fraction, frames = clock.groups()
            rest = float(fraction or 0) + int(frames or 0) / self._frame_rate
            return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + rest
        if offset := _OFFSET.fullmatch(given):
            units = {**_UNITS, "f": 1 / self._frame_rate, "t": 1 / self._tick_rate}
            return float(offset[1]) * units[offset[2]]
        raise self._fault(f"{given[:50]!r} is no time such as 00:00:01.500 or 1.5s.")
