"""When each cue is on the screen: in step with the speech, and long enough to be read."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from jobs_service.captions.domain import Cue
from jobs_service.captions.rules import RuleSet


class Span(NamedTuple):
    """Lines, and the seconds between which they are spoken."""

    start: float
    end: float
    lines: tuple[str, ...]


def time_cues(spans: Sequence[Span], rules: RuleSet, duration: float) -> tuple[Cue, ...]:
    """Cues that appear with their first word and stay as long as they need and may.

    A cue stays past its last word until it can be read, and up to the next cue where the gap
    would be too short to be seen as one. It never ends less than `rules.gap` before the next. The
    shortest duration comes first: where words follow each other faster than that, the next cue
    starts late.
    """
    cues: list[Cue] = []
    earliest = 0
    for number, span in enumerate(spans):
        start = max(_ms(span.start), earliest)
        following = spans[number + 1].start if number + 1 < len(spans) else None
        end = _end(start, span, following, rules, duration)
        cues.append(Cue(start / 1000, end / 1000, span.lines))
        earliest = end + _ms(rules.gap)
    return tuple(cues)


def _end(start: int, span: Span, following: float | None, rules: RuleSet, duration: float) -> int:
    readable = math.ceil(1000 * rules.width(" ".join(span.lines)) / rules.characters_per_second)
    end = max(_ms(span.end), start + readable)
    if following is None:
        end = min(end, max(_ms(duration), _ms(span.end)))
    else:
        latest = _ms(following) - _ms(rules.gap)
        closes = _ms(following) - end < _ms(rules.close_gaps_under)
        end = latest if closes else end
    return max(min(end, start + _ms(rules.longest)), start + _ms(rules.shortest))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
