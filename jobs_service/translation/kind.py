"""Translation as a kind of job: who would do it, and at what price."""

from dataclasses import dataclass

from jobs_service.credits.prices import PriceList
from jobs_service.generation.domain import Asked
from jobs_service.generation.provider import Providers, TextProvider
from jobs_service.jobs.kinds import Order
from jobs_service.recognition.domain import UnsupportedLanguage
from jobs_service.recognition.languages import OF_WHISPER, english_name
from jobs_service.tracks.choosing import ChooseTrack
from jobs_service.tracks.domain import CaptionTrack
from jobs_service.tracks.repository import Tracks
from jobs_service.translation.domain import NothingToTranslate, TranslationNotOffered, lines_of
from jobs_service.translation.schemas import TranslationRequest
from shared.errors import FieldError, Invalid
from shared.security.principal import UserId


@dataclass(frozen=True, slots=True)
class OrderTranslation:
    """What a translation costs: at most as much as the whole video would.

    What is spoken in fewer minutes is given back at the end.
    """

    choose_track: ChooseTrack
    texts: Providers
    prices: PriceList

    async def __call__(self, owner: UserId, request: TranslationRequest) -> Order:
        """Raises TranslationNotOffered, ProviderNotConfigured, UnsupportedLanguage, Invalid,
        NothingToTranslate, and what choosing a track raises."""
        translator(self.texts, request)
        chosen = await self.choose_track(owner, request)
        require_other_language(request.language, chosen.track)
        if not lines_of(chosen.content.cues):
            raise NothingToTranslate("No cue of these captions has a word in it.")
        transcript = await Tracks(self.choose_track.database).transcript(chosen.track.id)
        return Order(
            price=self.prices.translation(transcript.duration),
            video_id=chosen.track.video_id,
            language=request.language,
            same_as=f"{chosen.same_as} {request.language.lower()} {request.provider or ''}",
        )


def translator(texts: Providers, request: TranslationRequest) -> TextProvider:
    """Who translates this; raises TranslationNotOffered, ProviderNotConfigured,
    UnsupportedLanguage."""
    provider = texts.choose(request.provider)
    if not provider.follows_prompts:
        raise TranslationNotOffered(
            f"The provider {provider.name!r} cannot translate. The operator can have captions "
            "translated by a language model: OPENAI_API_KEY, or OPENAI_BASE_URL for a server of "
            "one's own, and TEXT_PROVIDER=openai."
        )
    provider.model_for(Asked(messages=()))
    if english_name(request.language) is None:
        known = ", ".join(sorted(OF_WHISPER))
        fault = f"must be a tag of one of {known}; it is {request.language!r}"
        raise UnsupportedLanguage(
            f"Captions are not translated into {request.language!r}.",
            errors=(FieldError("language", fault),),
        )
    return provider


def require_other_language(language: str, track: CaptionTrack) -> None:
    """Raise Invalid when the track is in this language already; `pt-BR` is another than `pt-PT`."""
    if language.lower() == track.language.lower():
        fault = f"must be another than that of the captions, which are in {track.language!r}"
        raise Invalid(errors=(FieldError("language", fault),))
