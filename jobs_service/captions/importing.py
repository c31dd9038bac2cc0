"""Reads caption files as they are found: SubRip, WebVTT and TTML from any program.

What can only mean one thing is taken: missing numbers, commas for points, markup. What cannot be
read is refused with its line, since a track that lacks what somebody said would look whole.
"""

import html
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import msgspec

from jobs_service.captions.cues import (
    MAX_CUES,
    BrokenCaptionFile,
    clean_lines,
    fault_of,
    in_order,
)
from jobs_service.captions.domain import Cue
from jobs_service.captions.encodings import decoded
from jobs_service.captions.formats import JOINER
from jobs_service.captions.ttml import read_ttml

FileFormat = Literal["vtt", "srt", "ttml"]

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3})\d*)?"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?", re.ASCII)
_NUMBER = re.compile(r"\s*\d{1,9}\s*", re.ASCII)
_SRT_MARKUP = re.compile(
    r"</?(?:b|i|u|s|em|strong|font|span|c|v|ruby|rt|lang)(?:[\s.][^<>]*)?/?>|\{\\[^{}]*\}",
    re.IGNORECASE,
)
_SRT_JOINED = re.compile(rf"(--|<|\{{){JOINER}(?={JOINER}*(?:>|/?[A-Za-z]|\\))")
_VTT_MARKUP = re.compile(r"</?[A-Za-z0-9.:][^<>]*>|</>")
_VTT_TOO_LARGE = re.compile(r"&#[0-9]{10,}")
_NO_CHARACTER = "&#1114112"
"""Beyond Unicode, as whatever has so many digits that Python makes no number of them."""
_VTT_COMMENT = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s.*)?")

_Found = Iterator[tuple[int, Cue]]


class Imported(msgspec.Struct, frozen=True):
    """What a file holds, and how it was read; `empty` cues were left out."""

    cues: tuple[Cue, ...]
    format: FileFormat
    encoding: str
    empty: int


def read_captions(file: bytes, language: str) -> Imported:
    """The cues of a file in any format; raises BrokenCaptionFile."""
    text, encoding = decoded(file, language)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    form = _format_of(text)
    found: list[Cue] = []
    for line, cue in _READERS[form](text):
        if len(found) == MAX_CUES:
            raise BrokenCaptionFile(f"Line {line}: a track may have {MAX_CUES} cues at most.")
        found.append(_require_sound(line, cue))
    if not found:
        raise BrokenCaptionFile("The file holds no cue: send SubRip, WebVTT or TTML.")
    cues = in_order(cue for cue in found if cue.lines)
    return Imported(cues, form, encoding, len(found) - len(cues))


def _format_of(text: str) -> FileFormat:
    if re.match(r"WEBVTT(?:[ \t\n]|$)", text):
        return "vtt"
    return "ttml" if text.lstrip().startswith("<") else "srt"


def _require_sound(line: int, cue: Cue) -> Cue:
    fault = fault_of(cue) if cue.lines else None
    if fault is not None:
        field, what = fault
        raise BrokenCaptionFile(f"Line {line}: the {field} of this cue {what}.")
    return cue


def _read_subrip(text: str) -> _Found:
    """A cue is a line of times and all that follows, but for the number of the next one."""
    at, times, said = 0, None, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        if "-->" not in line:
            said.append(line)
            continue
        if said and _NUMBER.fullmatch(said[-1]):
            said.pop()
        yield from _subrip_cue(at, times, said)
        at, times, said = number, _times(number, line), []
    yield from _subrip_cue(at, times, said)


def _subrip_cue(at: int, times: tuple[float, float] | None, said: list[str]) -> _Found:
    text = _SRT_JOINED.sub(r"\1", _SRT_MARKUP.sub("", "\n".join(said)))
    lines = clean_lines(text)
    if times is not None:
        yield at, Cue(*times, lines)
    elif lines:
        first = next(number for number, line in enumerate(said, 1) if clean_lines(line))
        raise BrokenCaptionFile(
            f"Line {first}: {lines[0][:50]!r} comes before any times such as "
            "00:00:01,000 --> 00:00:02,500."
        )


def _read_webvtt(text: str) -> _Found:
    """Blocks between blank lines (WebVTT, 4.1); comments and styles are left out."""
    at, times, said, skipping = 0, None, list[str](), True
    for number, line in enumerate(text.split("\n"), 1):
        if "-->" in line and number > 1:
            yield from _webvtt_cue(at, times, said)
            at, times, said, skipping = number, _times(number, line), [], False
        elif not line.strip():
            yield from _webvtt_cue(at, times, said)
            times, said, skipping = None, [], False
        elif times is not None:
            said.append(line)
        elif not skipping:
            skipping = _VTT_COMMENT.fullmatch(line) is not None
    yield from _webvtt_cue(at, times, said)


def _webvtt_cue(at: int, times: tuple[float, float] | None, said: list[str]) -> _Found:
    if times is not None:
        plain = (_VTT_TOO_LARGE.sub(_NO_CHARACTER, _VTT_MARKUP.sub("", line)) for line in said)
        text = "\n".join(map(html.unescape, plain))
        yield at, Cue(*times, clean_lines(text))


def _read_ttml(text: str) -> _Found:
    return iter(read_ttml(text))


_READERS: Mapping[FileFormat, Callable[[str], _Found]] = {
    "vtt": _read_webvtt,
    "srt": _read_subrip,
    "ttml": _read_ttml,
}


def _times(number: int, line: str) -> tuple[float, float]:
    found = _TIMES.fullmatch(line)
    if found is None:
        raise BrokenCaptionFile(
            f"Line {number}: {line.strip()[:60]!r} is no pair of times such as "
            "00:00:01,000 --> 00:00:02,500."
        )
    parts = found.groups()
    return _seconds(*parts[:4]), _seconds(*parts[4:])


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str | None) -> float:
    ms = int((fraction or "0").ljust(3, "0"))
    return (int(hours or 0) * 3_600_000 + int(minutes) * 60_000 + int(seconds) * 1000 + ms) / 1000
