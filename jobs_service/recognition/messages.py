"""What this process and its children say to each other; without the libraries of children."""

import msgspec

from jobs_service.recognition.domain import Heard
from jobs_service.recognition.sound import SoundTrack


class Progress(msgspec.Struct, frozen=True):
    """How far a child is, from 0 to 1."""

    progress: float


class Refusal(msgspec.Struct, frozen=True, tag=True):
    """Why the child can do nothing: the code of a Problem, and what exactly is wrong."""

    code: str
    detail: str


class Extraction(msgspec.Struct, frozen=True):
    """The video to be decoded, where its samples go, and the seconds of a part."""

    video: str
    samples: str
    part_seconds: float


class Extracted(msgspec.Struct, frozen=True, tag=True):
    """The sound, and the seconds at which it is cut into parts."""

    track: SoundTrack
    cuts: tuple[float, ...]


class Hearing(msgspec.Struct, frozen=True):
    """Sound to recognise, and the language that is spoken in it; `model` is that of whisper."""

    sound: SoundTrack
    language: str
    model: str = ""


class Words(msgspec.Struct, frozen=True, tag=True):
    """What was heard."""

    heard: Heard
