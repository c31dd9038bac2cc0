"""Recognises the speech of a video in a child process that can be stopped at once."""

import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from jobs_service.captions.domain import (
    RecognitionTooLarge,
    RecognitionTooSlow,
    Transcript,
    UndecodableVideo,
    UnsupportedLanguage,
)
from jobs_service.captions.recognise_messages import Outcome, Progress, Task
from jobs_service.videos.domain import VideoHasNoSound
from shared.runtime.children import (
    ChildFailed,
    ChildOutOfMemory,
    ChildTimedOut,
    Limits,
    run_child,
)

LANGUAGES = frozenset({"en"})
"""What pocketsphinx has a model for in its package."""
_CHILD = "jobs_service.captions.recognise_child"
_CRASHES = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL}
"""How a decoder ends that hostile input has led astray."""
_SPHINX_HAS_NO_MEMORY = re.compile(r"[cm]?alloc\([\d, ]+\) failed from")
"""How pocketsphinx ends the process when it gets no memory (its ckd_alloc.c)."""
_REFUSALS = {problem.code: problem for problem in (VideoHasNoSound, UndecodableVideo)}

OnProgress = Callable[[float], Awaitable[None]]


async def recognise(
    path: Path, language: str, on_progress: OnProgress, limits: Limits
) -> Transcript:
    """The speech in the video at `path`; `on_progress` hears how far it is, from 0 to 1.

    Cancelling kills the child. Raises UnsupportedLanguage, VideoHasNoSound, UndecodableVideo,
    RecognitionTooSlow or RecognitionTooLarge. A crash of the decoder counts as an undecodable
    video, unless something outside has killed the child, which is a ChildFailed.
    """
    if language not in LANGUAGES:
        raise UnsupportedLanguage(f"Speech can be recognised in en, and not in {language!r}.")

    async def on_line(line: bytes) -> None:
        await on_progress(msgspec.json.decode(line, type=Progress).progress)

    task = msgspec.json.encode(Task(str(path), language))
    try:
        answer = await run_child(_CHILD, task, limits=limits, on_line=on_line)
    except ChildTimedOut as error:
        raise RecognitionTooSlow(f"It took more than {limits.wall_seconds:g} s.") from error
    except ChildOutOfMemory as error:
        raise _too_large(limits) from error
    except ChildFailed as error:
        if _SPHINX_HAS_NO_MEMORY.search(error.stderr):
            raise _too_large(limits) from error
        if error.exit_code in _CRASHES:
            raise UndecodableVideo("Decoding the video crashed the decoder.") from error
        raise
    outcome = msgspec.json.decode(answer, type=Outcome)
    if outcome.transcript is None:
        raise _REFUSALS[outcome.error](outcome.detail)
    return outcome.transcript


def _too_large(limits: Limits) -> RecognitionTooLarge:
    return RecognitionTooLarge(f"It needed more than {limits.memory_bytes} bytes.")
