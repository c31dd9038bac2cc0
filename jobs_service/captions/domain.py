"""What captions are made of: words with their times, and cues made from them."""

import msgspec


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
