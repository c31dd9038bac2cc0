"""Captions as a kind of job."""

from dataclasses import dataclass

from jobs_service.captions.schemas import CaptionsRequest
from jobs_service.credits.prices import PriceList
from jobs_service.jobs.kinds import Order
from jobs_service.recognition.offers import Offers
from jobs_service.videos.use_cases import FindVideo
from shared.security.principal import UserId


@dataclass(frozen=True, slots=True)
class OrderCaptions:
    """What captions of a video cost."""

    find_video: FindVideo
    prices: PriceList
    offers: Offers

    async def __call__(self, owner: UserId, request: CaptionsRequest) -> Order:
        """Raises VideoNotFound, VideoHasNoSound, UnsupportedLanguage, ProviderNotOffered."""
        self.offers.choose(request.language, request.provider)
        video = await self.find_video(owner, request.video_id)
        return Order(
            price=self.prices.captions(video.duration_seconds),
            video_id=video.id,
            language=request.language,
            same_as=f"{video.id} {request.language} {request.audience} {request.provider or ''}",
        )
