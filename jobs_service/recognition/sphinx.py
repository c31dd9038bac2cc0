"""`sphinx`: pocketsphinx, whose model of English ships in its package."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs_service.captions.domain import Word
from jobs_service.recognition.children import in_child
from jobs_service.recognition.domain import Heard, OnProgress
from jobs_service.recognition.messages import Hearing, Words
from jobs_service.recognition.sound import SoundTrack
from jobs_service.recognition.spelling import written
from shared.runtime.children import Limits

_CHILD = "jobs_service.recognition.sphinx_child"


@dataclass(frozen=True, slots=True)
class Sphinx:
    """Recognises in a child within `limits`."""

    limits: Limits

    async def recognise(self, sound: SoundTrack, language: str, on_progress: OnProgress) -> Heard:
        """The words, in lower case and without punctuation."""
        task = Hearing(sound, language)
        return (await in_child(_CHILD, task, Words, on_progress, self.limits)).heard

    def written(self, words: Sequence[Word]) -> Sequence[Word]:
        """Capitals and full stops where pauses tell of them."""
        return tuple(written(words))
