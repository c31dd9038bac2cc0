"""From what was heard of the parts of a video to its transcript."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from jobs_service.captions.domain import Transcript, Word
from jobs_service.recognition.domain import Heard, Provider
from jobs_service.recognition.languages import AUTO
from jobs_service.recognition.offers import ProviderName


def transcript_of(
    parts: Sequence[Heard], language: str, provider: ProviderName, by: Provider, duration: float
) -> Transcript:
    """The transcript that one part would have given: parts are in order and do not overlap.

    Where the language was to be found out it is that of the most words.
    """
    words = _in_step([word for part in parts for word in part.words])
    if language == AUTO:
        said = Counter[str]()
        for part in parts:
            said[part.language] += len(part.words)
        language = said.most_common(1)[0][0]
    return Transcript(language, provider, duration, tuple(by.written(words)))


def _in_step(words: Sequence[Word]) -> list[Word]:
    """Words whose starts never run backwards, as they might by a hair where parts meet."""
    kept: list[Word] = []
    earliest = 0.0
    for word in words:
        earliest = max(earliest, word.start)
        kept.append(msgspec.structs.replace(word, start=earliest, end=max(word.end, earliest)))
    return kept
