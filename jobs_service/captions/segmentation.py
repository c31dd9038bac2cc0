"""From words to cues: which words are on the screen together, and how they fall into lines.

The choice is the cheapest of all, found by dynamic programming over the places where a cue may
end. It takes time in proportion to the number of words, since only so many fit into one cue.
"""

from collections.abc import Sequence
from itertools import accumulate

from jobs_service.captions.breaks import SENTENCE_END, break_costs
from jobs_service.captions.cues import clean_line
from jobs_service.captions.domain import Cue, Word
from jobs_service.captions.rules import RuleSet
from jobs_service.captions.timing import Span, time_cues

# What the rules of the guides weigh against each other; the scale is that of `breaks`, where a
# break at any odd place costs 7.
_EACH_CUE = 3.0
_SENTENCE_END_INSIDE = 2.0
_SECOND_OF_PAUSE_INSIDE = 20.0
_TOLERATED_PAUSE = 0.5
_TWICE_TOO_FAST = 20.0
_ORPHAN = 6.0
_ORPHAN_LINE = 0.6
"""A cue that fills less than this part of one line is an orphan, unless it is a sentence."""
_UNEVEN_LINES = 6.0
_TOP_HEAVY = 2.0
_LONELY_WORD = 100.0
"""More than any other reason: a short word alone on the last line, although others could go with
it."""


def make_cues(words: Sequence[Word], rules: RuleSet, duration: float) -> tuple[Cue, ...]:
    """Cues that hold every word once and in order; `duration` is the video's, in seconds.

    They never overlap, and keep to the rules wherever the words allow it: a word longer than a
    line gets a line of its own, and speech that is too fast to be read stays too fast.
    """
    speech = _Speech(_in_order(words), rules)
    spans = [
        Span(
            speech.words[first].start,
            speech.words[end - 1].end,
            speech.lines(first, end),
        )
        for first, end in speech.best_cuts()
    ]
    return time_cues(spans, rules, duration)


def broken_into_lines(words: Sequence[str], rules: RuleSet) -> tuple[str, ...]:
    """The words of one cue in lines: one if they fit, else as even as can be."""
    speech = _Speech([Word(word, 0.0, 0.0, 1.0) for word in words], rules)
    return speech.lines(0, len(words)) if words else ()


def _in_order(words: Sequence[Word]) -> list[Word]:
    """Words with a text that can be shown, whose starts never run backwards."""
    kept: list[Word] = []
    earliest = 0.0
    for word in words:
        if text := clean_line(word.text):
            start = earliest = max(word.start, earliest)
            kept.append(Word(text, start, max(word.end, start), word.confidence))
    return kept


class _Speech:
    """Words with everything that is needed many times in the search."""

    def __init__(self, words: list[Word], rules: RuleSet) -> None:
        self.words = words
        self._rules = rules
        self._space = rules.width(" ")
        self._offsets = [
            0.0,
            *accumulate(rules.width(word.text) + self._space for word in words),
        ]
        self._costs = break_costs(words, rules)
        self._kept = [0.0, *accumulate(map(self._cost_of_keeping, range(len(words))))]
        self._line_ends = self._longest_lines()

    def best_cuts(self) -> list[tuple[int, int]]:
        """The cheapest way to cut the words into cues, as (first word, word after the last)."""
        count = len(self.words)
        cheapest = [0.0] + [float("inf")] * count
        came_from = [0] * (count + 1)
        for first in range(count):
            so_far = cheapest[first]
            for end in range(first + 1, self._furthest_end(first) + 1):
                cost = so_far + self._cost_of_cue(first, end)
                if cost < cheapest[end]:
                    cheapest[end], came_from[end] = cost, first
        cuts: list[tuple[int, int]] = []
        end = count
        while end:
            cuts.append((came_from[end], end))
            end = came_from[end]
        return cuts[::-1]

    def lines(self, first: int, end: int) -> tuple[str, ...]:
        """The words from `first` up to `end` in lines: one if they fit, else as even as can be."""
        lines: list[str] = []
        while self._line_ends[first] < end:
            below = self._rules.lines - len(lines) - 1
            _, cut = min(
                (self._cost_of_line(first, at, end), at)
                for at in self._line_cuts(first, end, below)
            )
            lines.append(self._text(first, cut))
            first = cut
        return (*lines, self._text(first, end))

    def _text(self, first: int, end: int) -> str:
        return " ".join(word.text for word in self.words[first:end])

    def _width(self, first: int, end: int) -> float:
        return self._offsets[end] - self._offsets[first] - self._space

    def _longest_lines(self) -> list[int]:
        """For each word, the word after the last that fits on a line that it begins."""
        ends, end = [], 0
        for first in range(len(self.words)):
            end = max(end, first + 1)
            while end < len(self.words) and self._width(first, end + 1) <= self._rules.line_width:
                end += 1
            ends.append(end)
        return ends

    def _furthest_end(self, first: int) -> int:
        end = first
        for _ in range(self._rules.lines):
            end = self._line_ends[end] if end < len(self.words) else end
        latest = self.words[first].start + self._rules.longest
        while end > first + 1 and self.words[end - 1].end > latest:
            end -= 1
        return end

    def _cost_of_keeping(self, at: int) -> float:
        """The cost of a cue that runs on from the word before `at`."""
        if at == 0:
            return 0.0
        pause = self.words[at].start - self.words[at - 1].end
        cost = _SECOND_OF_PAUSE_INSIDE * max(pause - _TOLERATED_PAUSE, 0.0)
        return cost + (_SENTENCE_END_INSIDE if self._costs[at] == SENTENCE_END else 0.0)

    def _cost_of_cue(self, first: int, end: int) -> float:
        rules, start = self._rules, self.words[first].start
        room = rules.longest
        if end < len(self.words):
            room = min(room, self.words[end].start - rules.gap - start)
        width = self._offsets[end] - self._offsets[first] - self._space
        needed = max(width / rules.characters_per_second, rules.shortest)
        cost = _EACH_CUE + self._costs[end] + self._kept[end] - self._kept[first + 1]
        if needed > room:
            cost += _TWICE_TOO_FAST * (needed / max(room, 0.05) - 1)
        full = _ORPHAN_LINE * rules.line_width
        if width < full and (self._costs[first] or self._costs[end]):
            cost += _ORPHAN * (1 - width / full)
        return cost

    def _line_cuts(self, first: int, end: int, below: int) -> range:
        """Where the first line may end so that the rest still fits on the lines `below`."""
        earliest = latest = self._line_ends[first]
        while earliest - 1 > first and self._lines_from(earliest - 1, end) <= below:
            earliest -= 1
        return range(earliest, latest + 1)

    def _lines_from(self, first: int, end: int) -> int:
        lines = 0
        while first < end:
            first, lines = self._line_ends[first], lines + 1
        return lines

    def _cost_of_line(self, first: int, cut: int, end: int) -> float:
        top, bottom = self._width(first, cut), self._width(cut, end)
        cost = self._costs[cut] + _UNEVEN_LINES * abs(top - bottom) / self._rules.line_width
        if end - cut == 1 and cut - first > 2 and self._rules.is_short(self.words[cut].text):
            cost += _LONELY_WORD
        return cost + (_TOP_HEAVY if top > bottom else 0.0)
