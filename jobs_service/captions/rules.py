"""How captions must look, by language: the Netflix Timed Text Style Guides, as data.

Sources: "Timed Text Style Guide: General Requirements" (duration, frame gap, line treatment),
"English (USA)" and "Korean" (characters per line, reading speed).
"""

import unicodedata
from dataclasses import dataclass
from typing import Literal

from jobs_service.captions.domain import UnsupportedLanguage
from jobs_service.captions.english import CLINGING, CONJUNCTIONS, PREPOSITIONS

Audience = Literal["adult", "children"]

_SHORTEST = 0.834
"""Five sixths of a second, in whole milliseconds."""
_TWO_FRAMES = 0.084
"""Two frames at 24 frames per second, in whole milliseconds; enough at 25 and 30 too."""
_HALF_SECOND = 0.5
"""A gap shorter than 12 frames is closed to two frames ("frame gap")."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one language; lengths in characters, times in seconds.

    A cue ends rather before a word of `begin_with`, and never gladly after one of `never_last`.
    """

    language: str
    line_width: float
    characters_per_second: float
    lines: int = 2
    shortest: float = _SHORTEST
    longest: float = 7.0
    gap: float = _TWO_FRAMES
    close_gaps_under: float = _HALF_SECOND
    narrow_counts_half: bool = False
    begin_with: frozenset[str] = frozenset()
    never_last: frozenset[str] = frozenset()

    def width(self, text: str) -> float:
        """How many characters `text` counts as.

        Combining marks count nothing. In Korean a Latin letter, a digit, a space and punctuation
        count half ("Korean", character limitation).
        """
        if text.isascii():
            return len(text) / 2 if self.narrow_counts_half else float(len(text))
        return sum(map(self._character_width, text))

    def _character_width(self, character: str) -> float:
        if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
            return 0.0
        wide = unicodedata.east_asian_width(character) in {"W", "F"}
        return 1.0 if wide or not self.narrow_counts_half else 0.5


def _english(characters_per_second: float) -> RuleSet:
    return RuleSet(
        language="en",
        line_width=42,
        characters_per_second=characters_per_second,
        # "line treatment": break before conjunctions and prepositions; do not part article and
        # noun, subject and verb, auxiliary and verb
        begin_with=CONJUNCTIONS | PREPOSITIONS,
        never_last=CONJUNCTIONS | PREPOSITIONS | CLINGING,
    )


def _korean(characters_per_second: float) -> RuleSet:
    return RuleSet(
        language="ko",
        line_width=16,
        characters_per_second=characters_per_second,
        narrow_counts_half=True,
    )


_RULES: dict[tuple[str, Audience], RuleSet] = {
    ("en", "adult"): _english(20),
    ("en", "children"): _english(17),
    ("ko", "adult"): _korean(12),
    ("ko", "children"): _korean(9),
}


def rules_for(language: str, audience: Audience = "adult") -> RuleSet:
    """The rules of a language by its tag (BCP 47: `en`, `en-GB`); raises UnsupportedLanguage."""
    primary = language.partition("-")[0].lower()
    if found := _RULES.get((primary, audience)):
        return found
    known = ", ".join(sorted({language for language, _ in _RULES}))
    raise UnsupportedLanguage(f"There are caption rules for {known}, and none for {language!r}.")
