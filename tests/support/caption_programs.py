"""Caption files as programs of others read them: ttconv and webvtt-py."""

import html
import io
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import webvtt
from ttconv import model
from ttconv.imsc import reader as imsc
from ttconv.srt import reader as srt
from ttconv.vtt import reader as vtt

Seen = list[tuple[int, int, list[str]]]
"""Milliseconds of start and end, and lines."""


def _lines_of(paragraph: Any) -> list[str]:
    lines = [""]
    for part in paragraph.dfs_iterator():
        if isinstance(part, model.Text):
            lines[-1] += part.get_text()
        elif isinstance(part, model.Br):
            lines.append("")
    return lines


def _paragraphs(document: Any) -> Iterator[tuple[int, int, list[str]]]:
    for part in document.get_body().dfs_iterator() if document.get_body() else ():
        if isinstance(part, model.P):
            times = (round((time or 0) * 1000) for time in (part.get_begin(), part.get_end()))
            begin, end = times
            yield begin, end, _lines_of(part)


def by_imsc(file: bytes) -> Seen:
    """TTML, by ttconv."""
    return list(_paragraphs(imsc.to_model(ElementTree.ElementTree(ElementTree.fromstring(file)))))


def by_srt(file: bytes) -> Seen:
    """SubRip, by ttconv."""
    return list(_paragraphs(srt.to_model(io.StringIO(file.decode().replace("\r\n", "\n")))))


def by_vtt(file: bytes) -> Seen:
    """WebVTT, by ttconv."""
    return list(_paragraphs(vtt.to_model(io.StringIO(file.decode()))))


def by_webvtt(file: bytes) -> Seen:
    """WebVTT, by webvtt-py."""
    if b"-->" not in file:
        return []  # which it takes for a broken file
    return [
        (_milliseconds(cue.start), _milliseconds(cue.end), list(map(html.unescape, cue.lines)))
        for cue in webvtt.from_string(file.decode()).captions
    ]


def _milliseconds(time_code: str) -> int:
    hours, minutes, seconds = time_code.split(":")
    return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)
