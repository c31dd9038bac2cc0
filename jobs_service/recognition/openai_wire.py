"""What a transcription of the OpenAI protocol says (`verbose_json`), and the words in it."""

import math
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

import msgspec

from jobs_service.captions.domain import Word

_EDGES = "\"'“”‘’«»()[].,;:!?…。、，！？¿¡-–—"


class SaidWord(msgspec.Struct, frozen=True):
    """A word without punctuation; times in seconds of what was sent."""

    word: str
    start: float
    end: float


class Segment(msgspec.Struct, frozen=True):
    """A sentence or so."""

    start: float
    end: float
    text: str
    avg_logprob: float = 0.0
    words: tuple[SaidWord, ...] | None = None


class Transcription(msgspec.Struct, frozen=True):
    """The answer; `language` is an English name or a code, and servers leave out this or that."""

    text: str
    language: str = ""
    words: tuple[SaidWord, ...] | None = None
    segments: tuple[Segment, ...] | None = None

    @property
    def tells_times(self) -> bool:
        """Whether it can be known when each word was said."""
        return bool(self.words or self.segments) or not self.text.strip()

    def spoken(self) -> Iterator[Word]:
        """The words as they are written in the text; times in seconds of what was sent."""
        said = self.words or tuple(word for one in self.segments or () for word in _words(one))
        for word, text in zip(said, _written(said, self.text), strict=True):
            start = max(word.start, 0.0)
            yield Word(text, start, max(word.end, start), self._confidence(word))

    def _confidence(self, word: SaidWord) -> float:
        """That of the segment: words have none of their own."""
        for segment in self.segments or ():
            if word.start < segment.end:
                return round(math.exp(min(segment.avg_logprob, 0.0)), 3)
        return 1.0


def _words(segment: Segment) -> Sequence[SaidWord]:
    """Its words; where it has none, those of its text, each in proportion to its length."""
    if segment.words:
        return segment.words
    texts = segment.text.split()
    whole, at = sum(map(len, texts)) or 1, segment.start
    found = []
    for text in texts:
        end = at + (segment.end - segment.start) * len(text) / whole
        found.append(SaidWord(text, at, end))
        at = end
    return found


def _written(said: Sequence[SaidWord], text: str) -> list[str]:
    """Each word as the text has it, with capitals and punctuation, where the two can be matched."""
    written = [word.word.strip() for word in said]
    shown = text.split()
    match = SequenceMatcher(None, [*map(_bare, written)], [*map(_bare, shown)], autojunk=False)
    for block in match.get_matching_blocks():
        for offset in range(block.size):
            written[block.a + offset] = shown[block.b + offset]
    return written


def _bare(word: str) -> str:
    return word.strip(_EDGES).casefold()
