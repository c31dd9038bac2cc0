"""Burning captions into a video: what may speak against it, and what is on the screen when."""

from collections.abc import Sequence

import msgspec

from jobs_service.captions.domain import Cue
from shared.errors import Conflict, Invalid


class NothingToBurnIn(Conflict):
    """The track has no cue."""

    code, title = "nothing_to_burn_in", "There are no captions to burn in"


class CaptionsNotDrawable(Invalid):
    """No font of this installation has the letters of these captions."""

    code, title = "captions_not_drawable", "These captions cannot be drawn here"


class UndecodablePicture(Invalid):
    """The picture of the video cannot be decoded, or a copy of it not be written."""

    code, title = "picture_undecodable", "The picture of the video cannot be read"


class RenderingTooSlow(Invalid):
    """Drawing the captions used up the time that a job may take."""

    code, title = "rendering_too_slow", "Burning in the captions took too long"


class RenderingTooLarge(Invalid):
    """Drawing the captions needed more memory than a job may have."""

    code, title = "rendering_too_large", "Burning in the captions needed too much memory"


class NoRoomForCopy(Conflict):
    """The copy does not fit into what its owner's plan allows."""

    code, title = "no_room_for_copy", "There is no room for the copy of the video"


class Rendering(msgspec.Struct, frozen=True):
    """What a child is asked for: the paths of the video, the copy, and the fonts; the cues, and how
    long the video lasts in seconds."""

    video: str
    copy: str
    fonts: tuple[str, ...]
    cues: tuple[Cue, ...]
    duration: float


class Rendered(msgspec.Struct, frozen=True, tag=True):
    """The copy has been written: how many pictures it has, and their size in pixels."""

    frames: int
    width: int
    height: int


class Screen:
    """What is on the screen, moment by moment, as time goes forward."""

    def __init__(self, cues: Sequence[Cue]) -> None:
        self._coming = sorted(cues, key=lambda cue: (cue.start, cue.end), reverse=True)
        self._shown: list[Cue] = []

    def at(self, moment: float) -> tuple[str, ...]:
        """The lines of all cues that are shown `moment` seconds after the begin."""
        while self._coming and self._coming[-1].start <= moment:
            self._shown.append(self._coming.pop())
        self._shown = [cue for cue in self._shown if moment < cue.end]
        return tuple(line for cue in self._shown for line in cue.lines)
