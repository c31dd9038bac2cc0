"""What has changed between two versions of a track.

Cues whose text is in both versions once are the same cue, wherever it has moved; between two of
these, cues that are on the screen together are. That takes time in proportion to the cues, however
alike they are, where the usual longest common subsequence takes that squared.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal

import msgspec

from jobs_service.captions.domain import Cue

_MANY_WORDS = 200
"""Of a cue; beyond, the whole of it counts as changed."""

Numbered = tuple[int, Cue]


class WordChange(msgspec.Struct, frozen=True):
    """Words that stayed, went or came."""

    change: Literal["same", "removed", "added"]
    text: str


class CueState(msgspec.Struct, frozen=True):
    """A cue in one of the two versions; `number` counts from 1."""

    number: int
    start: float
    end: float
    text: str

    @classmethod
    def of(cls, numbered: Numbered) -> "CueState":
        """As shown to clients."""
        number, cue = numbered
        return cls(number, cue.start, cue.end, "\n".join(cue.lines))


class CueChange(msgspec.Struct, frozen=True):
    """A cue that is not in both versions as it is; `words` tell how the text of a changed one
    differs, and are empty when its times alone do."""

    change: Literal["added", "removed", "changed"]
    before: CueState | None
    after: CueState | None
    words: tuple[WordChange, ...] = ()


def differences(before: Sequence[Cue], after: Sequence[Cue]) -> Iterator[CueChange]:
    """Every change, in the order of the cues; words are compared as each is asked for."""
    old, new = list(enumerate(before, 1)), list(enumerate(after, 1))
    at_old = at_new = 0
    for one, other in [*_anchors(before, after), (len(old), len(new))]:
        yield from _between(old[at_old:one], new[at_new:other])
        if one < len(old):
            yield from _changed(old[one], new[other])
        at_old, at_new = one + 1, other + 1


def _anchors(before: Sequence[Cue], after: Sequence[Cue]) -> list[tuple[int, int]]:
    """Places of cues with the same text, which nothing else has: the longest run in which neither
    version goes back (patience sorting)."""
    places = {cue.text: at for at, cue in enumerate(after)}
    often = {
        text
        for cues in (before, after)
        for text, times in Counter(cue.text for cue in cues).items()
        if times > 1
    }
    pairs = [
        (at, places[cue.text])
        for at, cue in enumerate(before)
        if cue.text not in often and cue.text in places
    ]
    lowest: list[int] = []
    ends: list[int] = []
    came_from: list[int | None] = []
    for number, (_, place) in enumerate(pairs):
        row = bisect_left(lowest, place)
        came_from.append(ends[row - 1] if row else None)
        lowest[row : row + 1], ends[row : row + 1] = [place], [number]
    run: list[tuple[int, int]] = []
    last = ends[-1] if ends else None
    while last is not None:
        run.append(pairs[last])
        last = came_from[last]
    return run[::-1]


def _between(old: list[Numbered], new: list[Numbered]) -> Iterator[CueChange]:
    """Cues between two that are the same, by when they are on the screen."""
    at = 0
    for one in old:
        while at < len(new) and new[at][1].end <= one[1].start:
            yield CueChange("added", None, CueState.of(new[at]))
            at += 1
        if at < len(new) and new[at][1].start < one[1].end:
            yield from _changed(one, new[at])
            at += 1
        else:
            yield CueChange("removed", CueState.of(one), None)
    for other in new[at:]:
        yield CueChange("added", None, CueState.of(other))


def _changed(old: Numbered, new: Numbered) -> Iterator[CueChange]:
    if old[1] != new[1]:
        words = () if old[1].lines == new[1].lines else _words(old[1].lines, new[1].lines)
        yield CueChange("changed", CueState.of(old), CueState.of(new), tuple(words))


def _words(before: Sequence[str], after: Sequence[str]) -> Iterator[WordChange]:
    """Where lines break is a change of the space between two words."""
    old, new = _split(before), _split(after)
    if max(len(old), len(new)) > _MANY_WORDS:
        steps: Sequence[tuple[str, int, int, int, int]] = (("replace", 0, len(old), 0, len(new)),)
    else:
        steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for step, one, two, three, four in steps:
        if step == "equal":
            yield WordChange("same", "".join(old[one:two]))
        else:
            yield from (WordChange("removed", "".join(old[one:two])),) if two > one else ()
            yield from (WordChange("added", "".join(new[three:four])),) if four > three else ()


def _split(lines: Sequence[str]) -> list[str]:
    """Words and what is between them: joined, they are the text again."""
    pieces: list[str] = []
    for number, line in enumerate(lines):
        pieces += ["\n"] if number else []
        for at, word in enumerate(line.split(" ")):
            pieces += [" ", word] if at else [word]
    return pieces
