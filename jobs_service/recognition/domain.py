"""Speech to words: what is heard, who can hear it, and what may speak against it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from jobs_service.captions.domain import Word
from jobs_service.recognition.sound import SoundTrack
from shared.errors import Invalid, Unavailable


class UndecodableVideo(Invalid):
    """The file is no video that can be read, or its sound cannot be decoded at all."""

    code, title = "video_undecodable", "The sound of the video cannot be read"


class SoundTooLong(Invalid):
    """There is more sound in the video than is recognised at all."""

    code, title = "sound_too_long", "The sound of the video is too long"


class UnsupportedLanguage(Invalid):
    """Nobody here recognises speech in this language."""

    code, title = "language_not_supported", "This language is not supported"


class ProviderNotOffered(Invalid):
    """The provider that is asked for is not among those of this installation."""

    code, title = "provider_not_offered", "This provider is not offered here"


class RecognitionTooSlow(Invalid):
    """Recognising the speech used up the time that a job may take."""

    code, title = "recognition_too_slow", "Recognising the speech took too long"


class RecognitionTooLarge(Invalid):
    """Recognising the speech needed more memory than a job may have."""

    code, title = "recognition_too_large", "Recognising the speech needed too much memory"


class ModelUnavailable(Unavailable):
    """The model that recognises speech is not there, and could not be fetched."""

    code, title = "recognition_model_unavailable", "The model of the provider cannot be loaded"


class Heard(msgspec.Struct, frozen=True):
    """Words in the order of their starts, in times of the video, and the language they are in."""

    language: str
    words: tuple[Word, ...]


OnProgress = Callable[[float], Awaitable[None]]
"""Hears how far something is, from 0 to 1."""


class Provider(Protocol):
    """Recognises speech."""

    async def recognise(self, sound: SoundTrack, language: str, on_progress: OnProgress) -> Heard:
        """The words of `sound`; `language` is a tag (BCP 47), or `auto` where it can be detected.

        Cancelling stops the work at once. Raises a Problem, which says whether to try again.
        """
        ...

    def written(self, words: Sequence[Word]) -> Sequence[Word]:
        """All the words of a video with capitals and punctuation, where `recognise` gives none."""
        ...
