"""Runs what decodes and recognises in limited children, and says what their deaths mean."""

import re
import signal
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from jobs_service.recognition.domain import (
    ModelUnavailable,
    OnProgress,
    RecognitionTooLarge,
    RecognitionTooSlow,
    SoundTooLong,
    UndecodableVideo,
    UnsupportedLanguage,
)
from jobs_service.recognition.messages import Progress, Refusal
from jobs_service.videos.domain import VideoHasNoSound
from shared.errors import Problem
from shared.runtime.children import (
    ChildFailed,
    ChildOutOfMemory,
    ChildTimedOut,
    Limits,
    run_child,
)

A = TypeVar("A", bound=msgspec.Struct)
_CRASHES = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL}
"""How a decoder ends that hostile input has led astray."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The Problems that the end of a child without an answer means, the `refusals` that it may
    answer instead, and how its libraries end when they get no memory."""

    too_slow: type[Problem]
    too_large: type[Problem]
    undecodable: type[Problem]
    refusals: tuple[type[Problem], ...]
    no_memory: re.Pattern[str]


RECOGNITION = Ends(
    RecognitionTooSlow,
    RecognitionTooLarge,
    UndecodableVideo,
    (VideoHasNoSound, UndecodableVideo, SoundTooLong, UnsupportedLanguage, ModelUnavailable),
    # pocketsphinx (ckd_alloc.c), OpenBLAS, the loader and Rust
    re.compile(
        r"[cm]?alloc\([\d, ]+\) failed from|Memory allocation still failed|failed to map segment"
        r"|memory allocation of \d+ bytes failed"
    ),
)


async def in_child(
    module: str,
    task: msgspec.Struct,
    answer: type[A],
    on_progress: OnProgress,
    limits: Limits,
    ends: Ends = RECOGNITION,
) -> A:
    """What `module` answers; `on_progress` hears how far it is.

    Cancelling kills the child. Raises the Problem that it names, or one of `ends`. A crash counts
    as an undecodable video, unless something outside has killed the child, which is a ChildFailed.
    """

    async def on_line(line: bytes) -> None:
        await on_progress(msgspec.json.decode(line, type=Progress).progress)

    too_large = ends.too_large(f"It needed more than {limits.memory_bytes} bytes.")
    try:
        said = await run_child(module, msgspec.json.encode(task), limits=limits, on_line=on_line)
    except ChildTimedOut as error:
        raise ends.too_slow(f"It took more than {limits.wall_seconds:g} s.") from error
    except ChildOutOfMemory as error:
        raise too_large from error
    except ChildFailed as error:
        if ends.no_memory.search(error.stderr):
            raise too_large from error
        if error.exit_code in _CRASHES:
            raise ends.undecodable("Decoding the video crashed the decoder.") from error
        raise
    found: A | Refusal = msgspec.json.decode(said, type=answer | Refusal)
    if isinstance(found, Refusal):
        raise {one.code: one for one in ends.refusals}[found.code](found.detail)
    return found
