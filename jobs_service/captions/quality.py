"""Whether cues keep to their rules: a report that a machine can read."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from jobs_service.captions.domain import Cue
from jobs_service.captions.rules import RuleSet


class Check(msgspec.Struct, frozen=True):
    """One rule: its limit, how many break it, and the value that is nearest to or past the limit.

    `worst` is None when there was nothing to measure.
    """

    limit: float
    violations: int
    worst: float | None


class Quality(msgspec.Struct, frozen=True):
    """The report on a track; times in seconds, lengths in characters as the rules count them."""

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


def assess(cues: Sequence[Cue], rules: RuleSet) -> Quality:
    """Measure every cue against every rule."""
    durations = [cue.duration for cue in cues]
    gaps = [round(after.start - before.end, 3) for before, after in pairwise(cues)]
    checks = {
        "lines": _at_most(rules.lines, (len(cue.lines) for cue in cues)),
        "line_length": _at_most(
            rules.line_width, (rules.width(line) for cue in cues for line in cue.lines)
        ),
        "characters_per_second": _at_most(
            rules.characters_per_second, (_speed(cue, rules) for cue in cues)
        ),
        "shortest_duration": _at_least(rules.shortest, durations),
        "longest_duration": _at_most(rules.longest, durations),
        "gap": _at_least(rules.gap, gaps),
        "overlap": _at_most(0, (max(-gap, 0.0) for gap in gaps)),
    }
    passed = not any(check.violations for check in checks.values())
    return Quality(rules=rules.language, cues=len(cues), passed=passed, **checks)


def _speed(cue: Cue, rules: RuleSet) -> float:
    """Characters per second, with the line break counted as the space it stands for."""
    return round(rules.width(cue.text) / max(cue.duration, 0.001), 2)


def _at_most(limit: float, values: Iterable[float]) -> Check:
    measured = list(values)
    return Check(limit, sum(value > limit for value in measured), max(measured, default=None))


def _at_least(limit: float, values: Iterable[float]) -> Check:
    measured = list(values)
    return Check(limit, sum(value < limit for value in measured), min(measured, default=None))
