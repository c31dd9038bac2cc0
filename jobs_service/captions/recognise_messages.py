"""What `recognise` and its child say to each other; kept apart from the libraries of the child."""

import msgspec

from jobs_service.captions.domain import Transcript


class Task(msgspec.Struct, frozen=True):
    """What to recognise: a file, and the language that is spoken in it."""

    path: str
    language: str


class Progress(msgspec.Struct, frozen=True):
    """How far the child is, from 0 to 1."""

    progress: float


class Outcome(msgspec.Struct, frozen=True):
    """The transcript, or else the code of the error and what exactly is wrong."""

    transcript: Transcript | None = None
    error: str = ""
    detail: str = ""
