"""The rules for captions once more, from the guides alone: nothing that makes or measures ours is
used. Lengths are in halves of a character and times in milliseconds, so that all are whole numbers.

Sources: Netflix Timed Text Style Guides: General Requirements, English, Korean, English Template.
"""

import unicodedata
from collections import Counter
from typing import NamedTuple

from tests.support.caption_programs import Seen

SHORTEST, LONGEST, GAP, LINES = 834, 7000, 84, 2
NOTES = "♪♫"


Broken = dict[str, list[int]]
"""The rules that are broken, each with the numbers of the cues, as often as they break it."""


class Guide(NamedTuple):
    """`line` in characters, `speed` in characters a second; a narrow and a wide character count as
    so many halves of one."""

    line: int
    speed: int
    narrow: int = 2
    wide: int = 2
    sounds: bool = False


GUIDES = {
    ("en", "adult"): Guide(42, 20),
    ("en", "children"): Guide(42, 17),
    ("en", "sdh"): Guide(42, 20, sounds=True),
    ("ko", "adult"): Guide(16, 12, narrow=1),
    ("ko", "children"): Guide(16, 9, narrow=1),
    ("ko", "sdh"): Guide(16, 14, narrow=1, sounds=True),
    ("fr", "adult"): Guide(42, 17, wide=4),
    ("fr", "children"): Guide(42, 13, wide=4),
    ("fr", "sdh"): Guide(42, 20, wide=4, sounds=True),
}


def violations(seen: Seen, language: str, audience: str) -> Broken:
    """Which rules are broken."""
    guide = GUIDES[language, audience]
    everything: Broken = {}
    latest = None
    for number, (start, end, lines) in enumerate(seen, 1):
        found: Counter[str] = Counter()
        lasts, said = end - start, halves(" ".join(lines), guide)
        found["lines"] += len(lines) > LINES
        found["line_length"] += sum(halves(line, guide) > 2 * guide.line for line in lines)
        found["characters_per_second"] += said * 1000 > 2 * guide.speed * lasts
        found["shortest_duration"] += lasts < SHORTEST
        found["longest_duration"] += lasts > LONGEST
        if latest is not None:
            found["gap"] += start - latest < GAP
            found["overlap"] += start < latest
        found["orphans"] += is_orphan(lines, guide)
        found["annotations"] += misdescribes(" ".join(lines), guide)
        latest = end if latest is None else max(latest, end)
        for rule, times in (+found).items():
            everything.setdefault(rule, []).extend([number] * times)
    return everything


def halves(text: str, guide: Guide) -> int:
    """The length of a text; marks that stand on another character have none."""
    total = 0
    for character in text:
        if unicodedata.category(character) in ("Mn", "Me", "Cf"):
            continue
        is_wide = unicodedata.east_asian_width(character) in ("W", "F")
        total += guide.wide if is_wide else guide.narrow
    return total


def is_orphan(lines: list[str], guide: Guide) -> bool:
    """Whether the last line is one word of less than a quarter of a line, and the last word above,
    of three or more, would fit before it."""
    if len(lines) < 2 or " " in lines[-1]:
        return False
    above = lines[-2].split(" ")
    fits = halves(f"{above[-1]} {lines[-1]}", guide) <= 2 * guide.line
    return len(above) >= 3 and fits and halves(lines[-1], guide) * 4 < 2 * guide.line


def misdescribes(text: str, guide: Guide) -> bool:
    """Whether sounds are described where they may not be, or a bracket has no other."""
    opened, described = None, any(note in text for note in NOTES)
    unpaired = False
    for at, character in enumerate(text):
        if character == "[":
            unpaired |= opened is not None
            opened = at
        elif character == "]":
            is_pair = opened is not None and at - opened > 1
            described, unpaired = described or is_pair, unpaired or not is_pair
            opened = None
    unpaired |= opened is not None
    return unpaired if guide.sounds else described
