"""Has a child draw the captions, and says what its death means."""

import re

from jobs_service.burn_in.domain import (
    Rendered,
    Rendering,
    RenderingTooLarge,
    RenderingTooSlow,
    UndecodablePicture,
)
from jobs_service.recognition.children import Ends, in_child
from jobs_service.recognition.domain import OnProgress
from jobs_service.videos.domain import VideoHasNoPicture
from shared.runtime.children import Limits

CHILD = "jobs_service.burn_in.render_child"
_ENDS = Ends(
    RenderingTooSlow,
    RenderingTooLarge,
    UndecodablePicture,
    (VideoHasNoPicture, UndecodablePicture),
    re.compile(r"failed to map segment|Memory allocation still failed"),  # the loader, OpenBLAS
)


async def render(task: Rendering, on_progress: OnProgress, limits: Limits) -> Rendered:
    """Write the copy; cancelling stops it at once.

    Raises VideoHasNoPicture, UndecodablePicture, RenderingTooSlow, RenderingTooLarge; ChildFailed
    when something outside has killed the child.
    """
    return await in_child(CHILD, task, Rendered, on_progress, limits, _ENDS)
