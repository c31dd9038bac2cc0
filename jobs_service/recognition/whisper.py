"""`whisper`: faster-whisper, with a model that the operator chooses."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs_service.captions.domain import Word
from jobs_service.recognition.children import in_child
from jobs_service.recognition.domain import Heard, OnProgress
from jobs_service.recognition.messages import Hearing, Words
from jobs_service.recognition.sound import SoundTrack
from shared.runtime.children import Limits

_CHILD = "jobs_service.recognition.whisper_child"


@dataclass(frozen=True, slots=True)
class Whisper:
    """Recognises with `model`, the path of a directory or a name, in a child within `limits`."""

    model: str
    limits: Limits

    async def recognise(self, sound: SoundTrack, language: str, on_progress: OnProgress) -> Heard:
        """The words, with capitals and punctuation; raises ModelUnavailable, too."""
        task = Hearing(sound, language, self.model)
        return (await in_child(_CHILD, task, Words, on_progress, self.limits)).heard

    def written(self, words: Sequence[Word]) -> Sequence[Word]:
        """As they are."""
        return words
