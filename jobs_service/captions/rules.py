"""How captions must look, by language and audience: the Netflix Timed Text Style Guides, as data.

Sources: "Timed Text Style Guide: General Requirements" (duration, frame gap, line treatment),
"English" and "Korean" (characters per line, reading speed; SDH are the captions for those who
cannot hear), and "English Template" for languages that have no rules of their own here.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from jobs_service.captions import korean
from jobs_service.captions.english import CLINGING, CONJUNCTIONS, PREPOSITIONS

Audience = Literal["adult", "children", "sdh"]
AUDIENCES: Final[tuple[Audience, ...]] = get_args(Audience)

_SHORTEST = 0.834
"""Five sixths of a second, in whole milliseconds."""
_TWO_FRAMES = 0.084
"""Two frames at 24 frames per second, in whole milliseconds; enough at 25 and 30 too."""
_HALF_SECOND = 0.5
"""A gap shorter than 12 frames is closed to two frames ("frame gap")."""
_SHORT_WORD = 0.25
"""A word that fills less than this part of a line looks lost when it is alone on it."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one language for one audience; lengths in characters, times in seconds.

    `narrow` and `wide` are what a Latin and a full-width character count as. A cue ends rather
    before a word of `begin_with` or after one that ends in one of `end_with`, and never gladly
    after one of `never_last` or before one of `never_first`. `annotations` says whether sounds and
    speakers may be described, in brackets, or with notes for music.
    """

    language: str
    audience: Audience
    line_width: float
    characters_per_second: float
    lines: int = 2
    shortest: float = _SHORTEST
    longest: float = 7.0
    gap: float = _TWO_FRAMES
    close_gaps_under: float = _HALF_SECOND
    narrow: float = 1.0
    wide: float = 1.0
    annotations: bool = False
    begin_with: frozenset[str] = frozenset()
    end_with: tuple[str, ...] = ()
    never_last: frozenset[str] = frozenset()
    never_first: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """As reports call it."""
        return f"{self.language}-{self.audience}"

    def width(self, text: str) -> float:
        """How many characters `text` counts as; combining marks count nothing."""
        if text.isascii():
            return len(text) * self.narrow
        return sum(map(self._character_width, text))

    def is_short(self, word: str) -> bool:
        """Whether a word looks lost when it is alone on a line."""
        return self.width(word) < _SHORT_WORD * self.line_width

    def _character_width(self, character: str) -> float:
        if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
            return 0.0
        return self.wide if unicodedata.east_asian_width(character) in {"W", "F"} else self.narrow


def _family(speeds: Mapping[Audience, float], **rules: object) -> dict[Audience, RuleSet]:
    return {
        audience: RuleSet(
            audience=audience,
            characters_per_second=speed,
            annotations=audience == "sdh",
            **rules,  # type: ignore[arg-type]  # one table for fields of several types
        )
        for audience, speed in speeds.items()
    }


_RULES: Final[Mapping[str, Mapping[Audience, RuleSet]]] = {
    "en": _family(
        {"adult": 20, "children": 17, "sdh": 20},
        language="en",
        line_width=42,
        # "line treatment": break before conjunctions and prepositions; do not part article and
        # noun, subject and verb, auxiliary and verb
        begin_with=CONJUNCTIONS | PREPOSITIONS,
        never_last=CONJUNCTIONS | PREPOSITIONS | CLINGING,
    ),
    # "character limitation": a Latin letter, a digit, a space and punctuation count half
    "ko": _family(
        {"adult": 12, "children": 9, "sdh": 14},
        language="ko",
        line_width=16,
        narrow=0.5,
        # what belongs together in Korean: determiner and noun, a noun or verb and what leans on it
        begin_with=korean.CONJUNCTIONS,
        end_with=korean.CLAUSE_ENDINGS,
        never_last=korean.CONJUNCTIONS | korean.CLINGING,
        never_first=korean.LEANING,
    ),
    # scripts of wide characters say about twice as much with each
    "default": _family(
        {"adult": 17, "children": 13, "sdh": 20}, language="default", line_width=42, wide=2.0
    ),
}


def rules_for(language: str, audience: Audience = "adult") -> RuleSet:
    """The rules of a language by its tag (BCP 47: `en`, `en-GB`), which are those of `default`
    where it has none of its own."""
    primary = language.partition("-")[0].lower()
    return _RULES.get(primary, _RULES["default"])[audience]
