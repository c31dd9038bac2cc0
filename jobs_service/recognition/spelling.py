"""Writes what a recogniser without orthography has heard as an English text.

pocketsphinx gives lower-case words and no punctuation. A pause is the only sign of a sentence that
we have: a word after a long pause begins one, and the word before it is given a full stop; the two
go together, so that no cue shows one without the other. Nothing is added after a word that ends no
sentence, such as "the"; commas and question marks would be guesses and are never added.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import msgspec

from jobs_service.captions.domain import Word
from jobs_service.captions.english import CAPITALISED, ENDS_NO_SENTENCE

SENTENCE_PAUSE = 0.6
"""Seconds of silence that end a sentence; within one, speakers seldom pause for over half."""


def written(words: Sequence[Word]) -> Iterator[Word]:
    """The words with capitals and full stops."""
    begins = True
    for word, following in zip_longest(words, words[1:]):
        ends = following is None or (
            following.start - word.end >= SENTENCE_PAUSE and word.text not in ENDS_NO_SENTENCE
        )
        text = _capital(word.text, first=begins) + ("." if ends else "")
        yield msgspec.structs.replace(word, text=text)
        begins = ends


def _capital(word: str, *, first: bool) -> str:
    if first or word in CAPITALISED or word == "i" or word.startswith("i'"):
        return word[:1].upper() + word[1:]
    return word
