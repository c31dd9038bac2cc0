"""The lines of a translated cue: as its rules want them, also where nothing parts the words."""

import math

from jobs_service.captions.cues import MAX_LINES
from jobs_service.captions.rules import RuleSet
from jobs_service.captions.segmentation import broken_into_lines

_GOOD_ENDS = frozenset("、。，．！？；：,.!?;:)）」』】 ")
_EARLIEST = 0.6
"""Of an even share of the text: a line may end so early to end well."""


def fitted(text: str, rules: RuleSet) -> tuple[str, ...]:
    """`text` on as many lines as it needs, each as wide as one may be."""
    words = text.split()
    if all(rules.width(word) <= rules.line_width for word in words):
        lines = broken_into_lines(words, rules)
    else:
        lines = tuple(_cut(text, rules))
    if len(lines) > MAX_LINES:
        return (*lines[: MAX_LINES - 1], " ".join(lines[MAX_LINES - 1 :]))
    return lines


def _cut(text: str, rules: RuleSet) -> list[str]:
    """Between any two characters, where the script has no spaces; as even as can be."""
    count = math.ceil(rules.width(text) / rules.line_width)
    share = rules.width(text) / count
    lines: list[str] = []
    while rules.width(text) > rules.line_width:
        at = _end(text, share, rules)
        lines.append(text[:at].rstrip())
        text = text[at:].lstrip()
    return [*lines, text] if text else lines


def _end(text: str, share: float, rules: RuleSet) -> int:
    """After how many characters a line ends: after a mark, else where its share is full."""
    width, full, good = 0.0, 1, 0
    for at, character in enumerate(text, 1):
        width += rules.width(character)
        if width > rules.line_width and at > 1:
            break
        if width <= share + rules.wide:
            full = at
        if width >= share * _EARLIEST and character in _GOOD_ENDS:
            good = at
    return good or full
