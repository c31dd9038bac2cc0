"""A caption track as a file: WebVTT, SubRip, TTML, JSON, plain text; always UTF-8.

`importing.py` reads the first three back: what is written there gives exactly the same cues.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from jobs_service.captions.domain import Cue, Word
from jobs_service.captions.quality import Quality
from jobs_service.captions.time_codes import time_code
from jobs_service.captions.track import Track
from jobs_service.captions.ttml import ttml

JOINER = "\u2060"
"""Word joiner: nobody sees it, and no line breaks at it."""
_TAKEN_FOR_MARKUP = re.compile(rf"--(?={JOINER}*>)|<(?={JOINER}*/?[A-Za-z])|\{{(?={JOINER}*\\)")


class Format(NamedTuple):
    """How a track is written, and the media type of what comes out."""

    media_type: str
    write: Callable[[Track], bytes]


class CaptionFile(msgspec.Struct, frozen=True):
    """The JSON format; times in seconds from the start of the video.

    `words` are those that were recognised, whatever has become of the cues since.
    """

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
    """SubRip: numbered cues, CRLF, no byte order mark.

    The format has no escapes, so that a joiner, which nobody sees, is put into what players would
    take for times or for markup (`-->`, `<i>`, `{\\an8}`).
    """
    blocks = _blocks(track.cues, ",", lambda text: _TAKEN_FOR_MARKUP.sub(rf"\g<0>{JOINER}", text))
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
    "ttml": Format("application/ttml+xml", lambda track: ttml(track.cues, track.language)),
    "json": Format("application/json", json),
    "txt": Format("text/plain", plain_text),
}
"""By file extension."""


def _blocks(cues: Iterable[Cue], point: str, write: Callable[[str], str]) -> Iterable[str]:
    for cue in cues:
        times = f"{time_code(cue.start, point)} --> {time_code(cue.end, point)}"
        yield "".join(f"{line}\n" for line in (times, *map(write, cue.lines)))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
