"""Runs what decodes and recognises in limited children, and says what their deaths mean."""

import re
import signal
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
_NO_MEMORY = re.compile(
    r"[cm]?alloc\([\d, ]+\) failed from|Memory allocation still failed|failed to map segment"
    r"|memory allocation of \d+ bytes failed"
)
"""How pocketsphinx (ckd_alloc.c), OpenBLAS, the loader and Rust end when they get no memory."""
_REFUSALS = {
    problem.code: problem
    for problem in (
        VideoHasNoSound,
        UndecodableVideo,
        SoundTooLong,
        UnsupportedLanguage,
        ModelUnavailable,
    )
}


async def in_child(
    module: str, task: msgspec.Struct, answer: type[A], on_progress: OnProgress, limits: Limits
) -> A:
    """What `module` answers; `on_progress` hears how far it is.

    Cancelling kills the child. Raises the Problem that it names, RecognitionTooSlow or
    RecognitionTooLarge. A crash counts as an undecodable video, unless something outside has killed
    the child, which is a ChildFailed.
    """

    async def on_line(line: bytes) -> None:
        await on_progress(msgspec.json.decode(line, type=Progress).progress)

    try:
        said = await run_child(module, msgspec.json.encode(task), limits=limits, on_line=on_line)
    except ChildTimedOut as error:
        raise RecognitionTooSlow(f"It took more than {limits.wall_seconds:g} s.") from error
    except ChildOutOfMemory as error:
        raise _too_large(limits) from error
    except ChildFailed as error:
        if _NO_MEMORY.search(error.stderr):
            raise _too_large(limits) from error
        if error.exit_code in _CRASHES:
            raise UndecodableVideo("Decoding the video crashed the decoder.") from error
        raise
    found: A | Refusal = msgspec.json.decode(said, type=answer | Refusal)
    if isinstance(found, Refusal):
        raise _REFUSALS[found.code](found.detail)
    return found


def _too_large(limits: Limits) -> RecognitionTooLarge:
    return RecognitionTooLarge(f"It needed more than {limits.memory_bytes} bytes.")
