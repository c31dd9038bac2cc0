"""How bad it is to break a text between two words: the lower the cost, the better the place."""

from collections.abc import Sequence
from itertools import pairwise

from jobs_service.captions.domain import Word
from jobs_service.captions.rules import RuleSet

SENTENCE_END = 0.0
_CLAUSE_END = 2.0
_AT_LINK = 4.0
_ANYWHERE = 7.0
_AMID_WHAT_CLINGS = 12.0

_CLEAR_PAUSE = 0.3
_PAUSE_RELIEF = 0.8
"""After a clear pause a break costs only the rest: where a speaker pauses, a text may be cut."""

_CLOSERS = "\"'”’»)]"
_SENTENCE_MARKS = tuple(".!?…。！？")
_CLAUSE_MARKS = tuple(",;:–—、，；：")
_TITLES = frozenset({"mr", "mrs", "ms", "dr", "st", "prof"})


def _break_cost(before: str, after: str, rules: RuleSet) -> float:
    """The cost of a break between two neighbouring words, by grammar alone."""
    last = before.rstrip(_CLOSERS)
    if last.endswith(_SENTENCE_MARKS) and _bare(last) not in _TITLES:
        return SENTENCE_END
    if last.endswith(_CLAUSE_MARKS):
        return _CLAUSE_END
    if _bare(before) in rules.never_last or _bare(after) in rules.never_first:
        return _AMID_WHAT_CLINGS
    if _bare(after) in rules.begin_with or _bare(before).endswith(rules.end_with):
        return _AT_LINK
    return _ANYWHERE


def break_costs(words: Sequence[Word], rules: RuleSet) -> list[float]:
    """The cost of a break before each word, by grammar and pauses; the text's ends cost nothing."""
    costs = [SENTENCE_END]
    for before, after in pairwise(words):
        pause = min(max(after.start - before.end, 0.0) / _CLEAR_PAUSE, 1.0)
        costs.append(_break_cost(before.text, after.text, rules) * (1 - _PAUSE_RELIEF * pause))
    return [*costs, SENTENCE_END]


def _bare(word: str) -> str:
    return word.strip("\"'“”‘’«»()[].,;:!?…").lower()
