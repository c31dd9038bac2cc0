"""Translating captions: lines with numbers that go to a language model, and come back with them."""

import re
from collections.abc import Iterator, Mapping, Sequence

from jobs_service.captions.cues import MAX_TEXT, clean_line
from jobs_service.captions.domain import Cue
from shared.errors import BadGateway, Conflict, Invalid

BATCH_LINES = 30
BATCH_CHARACTERS = 2_000
"""Of one request: enough for a model to see what is spoken of, and little to lose by a bad
answer."""
_NUMBERED = re.compile(r"^\W{0,3}(\d{1,6})\s*\|\s*(.*)$")
_FENCE = re.compile(r"^\s*(```\w*)?\s*$")
_SPEAKER = re.compile(r"^[-–—]\s?\S")
_NEXT_SPEAKER = re.compile(r"\s+(?=[-–—]\s?\S)")


class TranslationNotOffered(Invalid):
    """No provider of this installation can translate."""

    code, title = "translation_not_offered", "Captions are not translated here"


class NothingToTranslate(Conflict):
    """There is no cue with a word in it."""

    code, title = "nothing_to_translate", "There is nothing to translate in these captions"


class TranslationIncomplete(BadGateway):
    """The provider left out a line, however often it was asked."""

    code, title = "translation_incomplete", "The text provider did not translate every line"


Lines = Mapping[int, str]
"""Texts by the number of their cue, from 1."""


def lines_of(cues: Sequence[Cue]) -> dict[int, str]:
    """What is to be translated: every cue with a letter in it."""
    return {
        number: cue.text
        for number, cue in enumerate(cues, 1)
        if any(character.isalpha() for character in cue.text)
    }


def batches(lines: Lines) -> Iterator[dict[int, str]]:
    """The lines in groups that are asked for at a time."""
    batch: dict[int, str] = {}
    characters = 0
    for number, text in lines.items():
        if batch and (len(batch) == BATCH_LINES or characters + len(text) > BATCH_CHARACTERS):
            yield batch
            batch, characters = {}, 0
        batch[number] = text
        characters += len(text)
    if batch:
        yield batch


def halves(lines: Lines) -> tuple[dict[int, str], dict[int, str]]:
    """The first lines, and the others."""
    items = list(lines.items())
    middle = len(items) // 2
    return dict(items[:middle]), dict(items[middle:])


def read_answer(answer: str, asked: Lines) -> dict[int, str] | None:
    """The translations by their numbers; None unless there is exactly one for each.

    A model that merges two lines, or cuts one in two, gives too few numbers, too many, one twice,
    an empty line, or one without any: whatever it is, nothing of such an answer is to be trusted.
    """
    found: dict[int, str] = {}
    for line in answer.splitlines():
        match = _NUMBERED.match(line)
        if match is None:
            if found and not _FENCE.match(line):
                return None  # the line before goes on
            continue
        number, text = int(match[1]), clean_line(match[2])
        if number in found or number not in asked or not 0 < len(text) <= MAX_TEXT:
            return None
        found[number] = text
    return found if len(found) == len(asked) else None


def spoken_apart(cue: Cue, text: str) -> tuple[str, ...]:
    """The parts of a translation that stay on lines of their own: those of two speakers, where the
    lines of the cue begin with dashes."""
    if len(cue.lines) > 1 and all(_SPEAKER.match(line) for line in cue.lines):
        parts = tuple(_NEXT_SPEAKER.split(text))
        if len(parts) == len(cue.lines):
            return parts
    return (text,)
