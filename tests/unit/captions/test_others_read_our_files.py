"""Programs of others read our files: ttconv (TTML, SubRip, WebVTT) and webvtt-py."""

import html
import io
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
import webvtt
from hypothesis import HealthCheck, given, settings
from ttconv import model
from ttconv.imsc import reader as imsc
from ttconv.srt import reader as srt
from ttconv.vtt import reader as vtt

from jobs_service.captions.domain import Cue, Transcript
from jobs_service.captions.formats import FORMATS, JOINER
from jobs_service.captions.quality import assess
from jobs_service.captions.rules import rules_for
from jobs_service.captions.track import Track
from tests.support.any_cues import any_cues

Seen = list[tuple[int, int, list[str]]]
"""Milliseconds, and lines."""


def written(cues: tuple[Cue, ...], extension: str) -> bytes:
    track = Track(Transcript("en", "import", 9.0, ()), cues, assess(cues, rules_for("en")))
    return FORMATS[extension].write(track)


def lines_of(paragraph: Any) -> list[str]:
    lines = [""]
    for part in paragraph.dfs_iterator():
        if isinstance(part, model.Text):
            lines[-1] += part.get_text()
        elif isinstance(part, model.Br):
            lines.append("")
    return lines


def paragraphs(document: Any) -> Iterator[tuple[int, int, list[str]]]:
    for part in document.get_body().dfs_iterator() if document.get_body() else ():
        if isinstance(part, model.P):
            times = (round((time or 0) * 1000) for time in (part.get_begin(), part.get_end()))
            begin, end = times
            yield begin, end, lines_of(part)


def by_imsc(file: bytes) -> Seen:
    return list(paragraphs(imsc.to_model(ElementTree.ElementTree(ElementTree.fromstring(file)))))


def by_srt(file: bytes) -> Seen:
    return list(paragraphs(srt.to_model(io.StringIO(file.decode().replace("\r\n", "\n")))))


def by_vtt(file: bytes) -> Seen:
    return list(paragraphs(vtt.to_model(io.StringIO(file.decode()))))


def by_webvtt(file: bytes) -> Seen:
    if b"-->" not in file:
        return []  # which it takes for a broken file
    return [
        (milliseconds(cue.start), milliseconds(cue.end), list(map(html.unescape, cue.lines)))
        for cue in webvtt.from_string(file.decode()).captions
    ]


def milliseconds(time_code: str) -> int:
    hours, minutes, seconds = time_code.split(":")
    return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)


def as_kept(cues: tuple[Cue, ...]) -> Seen:
    return [(round(cue.start * 1000), round(cue.end * 1000), list(cue.lines)) for cue in cues]


@pytest.mark.parametrize(
    ("extension", "read"), [("ttml", by_imsc), ("vtt", by_vtt), ("vtt", by_webvtt)]
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(cues=any_cues())
def test_a_program_of_others_reads_what_was_said_and_when(
    extension: str, read: Callable[[bytes], Seen], cues: tuple[Cue, ...]
) -> None:
    assert read(written(cues, extension)) == as_kept(cues)


def test_subrip_shows_as_text_what_others_would_take_for_markup() -> None:
    said = ("a <b>bold</b> claim", "{\\an8} 1 --> 2", "마당 3 < 4")
    assert by_srt(written((Cue(1.0, 2.5, said),), "srt")) == [
        (
            1000,
            2500,
            [f"a <{JOINER}b>bold<{JOINER}/b> claim", f"{{{JOINER}\\an8}} 1 --{JOINER}> 2",
             "마당 3 < 4"],
        )
    ]  # fmt: skip
