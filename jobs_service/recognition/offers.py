"""Which provider recognises a language: the first of the installation's that can."""

from dataclasses import dataclass
from typing import Literal

from jobs_service.recognition.domain import ProviderNotOffered, UnsupportedLanguage
from jobs_service.recognition.languages import AUTO, ENGLISH, OF_WHISPER, primary
from shared.errors import FieldError

ProviderName = Literal["sphinx", "whisper", "openai"]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a provider can do: the languages by their primary tags, and whether it can tell which
    one is spoken."""

    name: ProviderName
    languages: frozenset[str]
    detects: bool

    def takes(self, language: str) -> bool:
        """Whether speech in the language of this tag, or `auto`, can be recognised."""
        return self.detects if language == AUTO else primary(language) in self.languages


def offer_of(name: ProviderName, whisper_model: str) -> Offer:
    """What the provider of that name can do; models of whisper's for English end in `.en`."""
    if name == "sphinx" or (name == "whisper" and whisper_model.endswith(".en")):
        return Offer(name, ENGLISH, detects=False)
    return Offer(name, OF_WHISPER, detects=True)


@dataclass(frozen=True, slots=True)
class Offers:
    """The providers of an installation, those to be preferred first."""

    offers: tuple[Offer, ...]

    @classmethod
    def of(cls, names: tuple[ProviderName, ...], whisper_model: str) -> "Offers":
        """As the settings name them."""
        return cls(tuple(offer_of(name, whisper_model) for name in names))

    def choose(self, language: str, provider: ProviderName | None = None) -> ProviderName:
        """Who recognises this language: `provider`, if given, else the first that can.

        Raises ProviderNotOffered, UnsupportedLanguage.
        """
        asked = [one for one in self.offers if provider in (None, one.name)]
        if not asked:
            known = ", ".join(one.name for one in self.offers)
            fault = f"must be one of those offered here: {known}; it is {provider!r}"
            raise ProviderNotOffered(errors=(FieldError("provider", fault),))
        for offer in asked:
            if offer.takes(language):
                return offer.name
        raise _unsupported(language, asked)


def _unsupported(language: str, asked: list[Offer]) -> UnsupportedLanguage:
    known = sorted({tag for one in asked for tag in one.languages})
    detects = f", or {AUTO!r}" if any(one.detects for one in asked) else ""
    fault = f"must be a tag of a language such as {', '.join(known)}{detects}; it is {language!r}"
    return UnsupportedLanguage(
        f"Speech is recognised here in {', '.join(known)}{detects}, and not in {language!r}.",
        errors=(FieldError("language", fault),),
    )
