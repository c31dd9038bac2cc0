"""Whether cues keep to their rules: a report that a machine can read."""

import math
import re
from collections.abc import Iterable, Sequence
from itertools import accumulate

import msgspec

from jobs_service.captions.domain import Cue
from jobs_service.captions.rules import RuleSet

_ANNOTATION = re.compile(r"\[[^\[\]]+\]|[♪♫]")


class Check(msgspec.Struct, frozen=True):
    """One rule: its limit, how many break it, and the value that is nearest to or past the limit.

    `worst` is None when there was nothing to measure. `cues` are the numbers of those that break
    it, the first of many.
    """

    limit: float
    violations: int
    worst: float | None
    cues: tuple[int, ...] = ()


_NOTHING = Check(0, 0, None)
"""What reports say of that were made before it was checked."""
_CUES_NAMED = 50
_Measured = Iterable[tuple[int, float]]
"""Numbers of cues, and what was measured of them."""


class Quality(msgspec.Struct, frozen=True):
    """The report on a track; times in seconds, lengths in characters as the rules count them.

    `orphans` are short words alone on their line although another would fit beside them;
    `annotations` are cues that describe sounds where the rules have none, or in broken brackets.
    """

    rules: str
    cues: int
    passed: bool
    lines: Check
    line_length: Check
    characters_per_second: Check
    shortest_duration: Check
    longest_duration: Check
    gap: Check
    overlap: Check
    orphans: Check = _NOTHING
    annotations: Check = _NOTHING


def assess(cues: Sequence[Cue], rules: RuleSet) -> Quality:
    """Measure every cue against every rule."""
    numbered = list(enumerate(cues, 1))
    durations = [(number, cue.duration) for number, cue in numbered]
    gaps = _gaps(cues)
    checks = {
        "lines": _at_most(rules.lines, ((number, len(cue.lines)) for number, cue in numbered)),
        "line_length": _at_most(
            rules.line_width,
            ((number, rules.width(line)) for number, cue in numbered for line in cue.lines),
        ),
        "characters_per_second": _at_most(
            rules.characters_per_second, ((number, _speed(cue, rules)) for number, cue in numbered)
        ),
        "shortest_duration": _at_least(rules.shortest, durations),
        "longest_duration": _at_most(rules.longest, durations),
        "gap": _at_least(rules.gap, gaps),
        "overlap": _at_most(0, ((number, max(-gap, 0.0)) for number, gap in gaps)),
        "orphans": _at_most(
            0, ((number, float(has_orphan(cue.lines, rules))) for number, cue in numbered)
        ),
        "annotations": _at_most(
            0, ((number, float(_misdescribes(cue, rules))) for number, cue in numbered)
        ),
    }
    passed = not any(check.violations for check in checks.values())
    return Quality(rules=rules.name, cues=len(cues), passed=passed, **checks)


def _gaps(cues: Sequence[Cue]) -> list[tuple[int, float]]:
    """Seconds between the end of all before a cue and its start; below zero, they overlap."""
    ends = accumulate((cue.end for cue in cues), max)
    pairs = zip(cues[1:], ends, strict=False)
    return [(number, round(cue.start - end, 3)) for number, (cue, end) in enumerate(pairs, 2)]


def has_orphan(lines: Sequence[str], rules: RuleSet) -> bool:
    """Whether the last line is one short word although there would be room for another from the
    line above, which has at least three."""
    above = lines[-2].split() if len(lines) > 1 else []
    word = lines[-1] if lines else ""
    lonely = len(above) > 2 and " " not in word and rules.is_short(word)
    return lonely and rules.width(f"{above[-1]} {word}") <= rules.line_width


def _misdescribes(cue: Cue, rules: RuleSet) -> bool:
    """Whether a cue describes what is heard where it may not, or opens a bracket for nothing."""
    found = _ANNOTATION.search(cue.text)
    rest = _ANNOTATION.sub("", cue.text)
    return "[" in rest or "]" in rest if rules.annotations else found is not None


def _speed(cue: Cue, rules: RuleSet) -> float:
    """Characters per second, with the line break counted as the space it stands for; what is over
    the limit by little shows so."""
    return math.ceil(round(100 * rules.width(cue.text) / max(cue.duration, 0.001), 6)) / 100


def _at_most(limit: float, values: _Measured) -> Check:
    measured = list(values)
    broken = [number for number, value in measured if value > limit]
    return _check(limit, broken, max((value for _, value in measured), default=None))


def _at_least(limit: float, values: _Measured) -> Check:
    measured = list(values)
    broken = [number for number, value in measured if value < limit]
    return _check(limit, broken, min((value for _, value in measured), default=None))


def _check(limit: float, broken: list[int], worst: float | None) -> Check:
    return Check(limit, len(broken), worst, tuple(dict.fromkeys(broken))[:_CUES_NAMED])
