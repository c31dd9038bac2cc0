"""Has a child draw the captions, and says what its death means."""

import re
import signal
from collections.abc import Awaitable, Callable

import msgspec

from jobs_service.burn_in.domain import (
    Rendered,
    Rendering,
    RenderingTooLarge,
    RenderingTooSlow,
    UndecodablePicture,
)
from jobs_service.recognition.messages import Progress, Refusal
from jobs_service.videos.domain import VideoHasNoPicture
from shared.runtime.children import (
    ChildFailed,
    ChildOutOfMemory,
    ChildTimedOut,
    Limits,
    run_child,
)

CHILD = "jobs_service.burn_in.render_child"
_CRASHES = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL}
"""How a decoder ends that hostile input has led astray."""
_NO_MEMORY = re.compile(r"failed to map segment|Memory allocation still failed")
"""How the loader and OpenBLAS end when they get no memory."""
_REFUSALS = {one.code: one for one in (VideoHasNoPicture, UndecodablePicture)}


async def render(
    task: Rendering, on_progress: Callable[[float], Awaitable[None]], limits: Limits
) -> Rendered:
    """Write the copy; cancelling stops it at once.

    Raises VideoHasNoPicture, UndecodablePicture, RenderingTooSlow, RenderingTooLarge; ChildFailed
    when something outside has killed the child.
    """

    async def on_line(line: bytes) -> None:
        await on_progress(msgspec.json.decode(line, type=Progress).progress)

    try:
        said = await run_child(CHILD, msgspec.json.encode(task), limits=limits, on_line=on_line)
    except ChildTimedOut as error:
        raise RenderingTooSlow(f"It took more than {limits.wall_seconds:g} s.") from error
    except ChildOutOfMemory as error:
        raise _too_large(limits) from error
    except ChildFailed as error:
        if _NO_MEMORY.search(error.stderr):
            raise _too_large(limits) from error
        if error.exit_code in _CRASHES:
            raise UndecodablePicture("Decoding the video crashed the decoder.") from error
        raise
    found: Rendered | Refusal = msgspec.json.decode(said, type=Rendered | Refusal)
    if isinstance(found, Refusal):
        raise _REFUSALS[found.code](found.detail)
    return found


def _too_large(limits: Limits) -> RenderingTooLarge:
    return RenderingTooLarge(f"It needed more than {limits.memory_bytes} bytes.")
