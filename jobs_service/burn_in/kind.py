"""Burning captions in as a kind of job."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from jobs_service.burn_in.domain import CaptionsNotDrawable, NothingToBurnIn
from jobs_service.burn_in.fonts import Fonts
from jobs_service.burn_in.schemas import BurnInRequest
from jobs_service.captions.domain import Cue
from jobs_service.credits.prices import PriceList
from jobs_service.jobs.kinds import Order
from jobs_service.tracks.choosing import ChooseTrack
from jobs_service.videos.domain import VideoHasNoPicture
from jobs_service.videos.use_cases import FindVideo
from shared.security.principal import UserId

_NAMED = 20
"""Of many letters that cannot be drawn, so many are told."""


@dataclass(frozen=True, slots=True)
class OrderBurnIn:
    """What a copy with captions costs; `fonts` are the paths of those they can be drawn with."""

    choose_track: ChooseTrack
    find_video: FindVideo
    prices: PriceList
    fonts: tuple[str, ...]

    async def __call__(self, owner: UserId, request: BurnInRequest) -> Order:
        """Raises VideoNotFound, VideoHasNoPicture, NothingToBurnIn, CaptionsNotDrawable, and what
        choosing a track raises."""
        chosen = await self.choose_track(owner, request)
        video = await self.find_video(owner, chosen.track.video_id, with_sound=False)
        if not video.has_picture:
            raise VideoHasNoPicture("There is no picture to draw captions on: it is sound alone.")
        await asyncio.to_thread(require_drawable, chosen.content.cues, self.fonts)
        return Order(
            price=self.prices.burn_in(video.duration_seconds),
            video_id=video.id,
            language=chosen.track.language,
            same_as=chosen.same_as,
        )


def require_drawable(cues: Sequence[Cue], fonts: Sequence[str]) -> tuple[str, ...]:
    """Signs that are left out; raises NothingToBurnIn or CaptionsNotDrawable."""
    if not cues:
        raise NothingToBurnIn("The track has no cues.")
    lines = [line for cue in cues for line in cue.lines]
    found = Fonts(fonts)
    if lacking := found.lacking(lines):
        named = " ".join(lacking[:_NAMED]) + (" …" if len(lacking) > _NAMED else "")
        raise CaptionsNotDrawable(
            f"No font here has {named}. The operator can add one with BURN_IN_FONTS."
        )
    return tuple(found.left_out(lines))
