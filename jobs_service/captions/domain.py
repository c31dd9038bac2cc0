"""What captions are made of: words with their times, and cues made from them."""

import msgspec

from shared.errors import Invalid


class UndecodableVideo(Invalid):
    """The file is no video that can be read, or its sound cannot be decoded at all."""

    code, title = "video_undecodable", "The sound of the video cannot be read"


class UnsupportedLanguage(Invalid):
    """Captions cannot be made in this language."""

    code, title = "language_not_supported", "This language is not supported"


class RecognitionTooSlow(Invalid):
    """Recognising the speech used up the time that a job may take."""

    code, title = "recognition_too_slow", "Recognising the speech took too long"


class RecognitionTooLarge(Invalid):
    """Recognising the speech needed more memory than a job may have."""

    code, title = "recognition_too_large", "Recognising the speech needed too much memory"


class Word(msgspec.Struct, frozen=True):
    """One spoken word; times in seconds from the start of the video, confidence from 0 to 1."""

    text: str
    start: float
    end: float
    confidence: float


class Transcript(msgspec.Struct, frozen=True):
    """All words of a video in the order of their starts; `duration` is the video's, in seconds."""

    language: str
    provider: str
    duration: float
    words: tuple[Word, ...]


class Cue(msgspec.Struct, frozen=True):
    """Lines of text that are on the screen together; times in seconds."""

    start: float
    end: float
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The lines as running text."""
        return " ".join(self.lines)

    @property
    def duration(self) -> float:
        """Seconds on the screen."""
        return round(self.end - self.start, 3)
