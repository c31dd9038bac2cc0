"""What the text of a cue may hold: one or more lines that every format can carry, and give back."""

import unicodedata
from collections.abc import Iterable

from jobs_service.captions.domain import Cue
from shared.errors import Invalid

MAX_CUES = 10_000
MAX_LINES = 10
MAX_TEXT = 1_000
"""Characters of one cue."""
LATEST = 360_000.0
"""Seconds: a hundred hours, beyond which no time code of two digits for the hours reaches."""


class BrokenCaptionFile(Invalid):
    """The file holds no captions, or breaks off its format; the detail names the line."""

    code, title = "caption_file_broken", "The caption file cannot be read"


def clean_line(text: str) -> str:
    """`text` on one line: composed, spaces single, without what cannot be shown.

    Joiners and marks of direction stay, since emoji, Persian and Hebrew need them; what is left of
    a text of these alone is nothing.
    """
    shown = "".join(" " if one.isspace() else one for one in text if _may_stay(one))
    line = " ".join(unicodedata.normalize("NFC", shown).split())
    return "" if all(unicodedata.category(one) == "Cf" for one in line) else line


def clean_lines(text: str) -> tuple[str, ...]:
    """The lines of `text` that are not empty."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    cleaned = (clean_line(line) for line in lines if line and not line.isspace())
    return tuple(line for line in cleaned if line)


def in_order(cues: Iterable[Cue]) -> tuple[Cue, ...]:
    """Cues by the time at which they begin, as every format wants them."""
    return tuple(sorted(cues, key=lambda cue: (cue.start, cue.end)))


def fault_of(cue: Cue) -> tuple[str, str] | None:
    """The field of a cue that is wrong, and how; None when it may be kept."""
    if not 0 <= cue.start < LATEST:
        return "start", f"must be from 0 to {LATEST:g} seconds; it is {cue.start:g}"
    if cue.end > LATEST:
        return "end", f"must be {LATEST:g} seconds at most; it is {cue.end:g}"
    if cue.end <= cue.start:
        return "end", f"must be after the start, {cue.start:g} s; it is {cue.end:g}"
    if not cue.lines:
        return "text", "must not be empty; leave the cue out"
    if len(cue.lines) > MAX_LINES:
        return "text", f"may have {MAX_LINES} lines at most; it has {len(cue.lines)}"
    if (length := sum(map(len, cue.lines))) > MAX_TEXT:
        return "text", f"may have {MAX_TEXT} characters at most; it has {length}"
    return None


def _may_stay(character: str) -> bool:
    if character.isprintable() or character.isspace():
        return True
    point = ord(character)
    is_no_character = point & 0xFFFE == 0xFFFE or 0xFDD0 <= point <= 0xFDEF
    # what Unicode may assign later stays: the emoji of next year
    return (
        unicodedata.category(character) in {"Cf", "Cn", "Co"}
        and not is_no_character
        and point != 0xFEFF
    )
