"""A caption track as a file: WebVTT, SubRip, JSON, plain text; always UTF-8."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from jobs_service.captions.domain import Cue, Word
from jobs_service.captions.quality import Quality
from jobs_service.captions.track import Track


class Format(NamedTuple):
    """How a track is written, and the media type of what comes out."""

    media_type: str
    write: Callable[[Track], bytes]


class CaptionFile(msgspec.Struct, frozen=True):
    """The JSON format; times in seconds from the start of the video."""

    version: int
    language: str
    provider: str
    duration: float
    words: tuple[Word, ...]
    cues: tuple[Cue, ...]
    quality: Quality

    @classmethod
    def of(cls, track: Track) -> "CaptionFile":
        """Everything about `track`."""
        transcript = track.transcript
        return cls(
            version=1,
            language=transcript.language,
            provider=transcript.provider,
            duration=transcript.duration,
            words=transcript.words,
            cues=track.cues,
            quality=track.quality,
        )


def webvtt(track: Track) -> bytes:
    """WebVTT (W3C): text is escaped, so nothing that was said can act as markup or as a cue."""
    return "\n".join(["WEBVTT\n", *_blocks(track.cues, ".", _escaped)]).encode()


def subrip(track: Track) -> bytes:
    """SubRip: numbered cues, CRLF, no byte order mark; an arrow in the text must not look like one.

    The format has no escapes: what looks like markup (`<i>`) is left as it was said.
    """
    blocks = _blocks(track.cues, ",", lambda text: text.replace("-->", "→"))
    numbered = (f"{number}\n{block}" for number, block in enumerate(blocks, 1))
    return "\n".join(numbered).replace("\n", "\r\n").encode()


def plain_text(track: Track) -> bytes:
    """What was said, one cue to a line."""
    return "".join(f"{cue.text}\n" for cue in track.cues).encode()


def json(track: Track) -> bytes:
    """Everything: words with times and confidence, cues, and the quality report."""
    return msgspec.json.encode(CaptionFile.of(track))


FORMATS: Mapping[str, Format] = {
    "vtt": Format("text/vtt", webvtt),
    "srt": Format("application/x-subrip", subrip),
    "json": Format("application/json", json),
    "txt": Format("text/plain", plain_text),
}
"""By file extension."""


def _blocks(cues: Iterable[Cue], point: str, write: Callable[[str], str]) -> Iterable[str]:
    for cue in cues:
        times = f"{_time_code(cue.start, point)} --> {_time_code(cue.end, point)}"
        yield "".join(f"{line}\n" for line in (times, *map(write, cue.lines)))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time_code(seconds: float, point: str) -> str:
    """Hours have two digits or, from 100 hours on, as many as they need."""
    rest, ms = divmod(round(seconds * 1000), 1000)
    rest, s = divmod(rest, 60)
    hours, minutes = divmod(rest, 60)
    return f"{hours:02}:{minutes:02}:{s:02}{point}{ms:03}"
