"""Who recognises which language, and what is refused before it costs."""

import pytest

from jobs_service.recognition.domain import ProviderNotOffered, UnsupportedLanguage
from jobs_service.recognition.languages import OF_WHISPER, tag_of, whisper_code
from jobs_service.recognition.offers import Offers, ProviderName

ALL: tuple[ProviderName, ...] = ("sphinx", "whisper", "openai")


@pytest.mark.parametrize(
    ("names", "model", "language", "chosen"),
    [
        (("sphinx",), "", "en", "sphinx"),
        (("sphinx",), "", "EN-gb", "sphinx"),
        (ALL, "small", "ko", "whisper"),
        (ALL, "small", "en", "sphinx"),
        (("whisper", "sphinx"), "small", "en", "whisper"),
        (ALL, "small.en", "ko", "openai"),
        (ALL, "small", "auto", "whisper"),
    ],
)
def test_the_first_that_knows_the_language_is_chosen(
    names: tuple[ProviderName, ...], model: str, language: str, chosen: str
) -> None:
    assert Offers.of(names, model).choose(language) == chosen


def test_who_is_asked_for_is_chosen() -> None:
    assert Offers.of(ALL, "small").choose("en", "openai") == "openai"


@pytest.mark.parametrize("language", ["ko", "auto", "tlh", "english", "en_GB"])
def test_a_language_that_nobody_knows_is_refused_with_those_that_are(language: str) -> None:
    with pytest.raises(UnsupportedLanguage, match="Speech is recognised here in en, and") as told:
        Offers.of(("sphinx",), "").choose(language)
    (fault,) = told.value.errors
    assert fault.field == "language"
    assert repr(language) in fault.message


def test_a_provider_that_is_asked_for_has_to_know_the_language() -> None:
    with pytest.raises(UnsupportedLanguage, match="in en, and not in 'ko'"):
        Offers.of(ALL, "small").choose("ko", "sphinx")


def test_a_provider_that_is_not_here_is_refused_with_those_that_are() -> None:
    with pytest.raises(ProviderNotOffered) as told:
        Offers.of(("sphinx", "openai"), "").choose("en", "whisper")
    (fault,) = told.value.errors
    assert (fault.field, "sphinx, openai" in fault.message) == ("provider", True)


@pytest.mark.parametrize(
    ("tag", "code"),
    [("ko-KR", "ko"), ("jv", "jw"), ("nb", "no"), ("fil", "tl"), ("cmn-Hant", "zh")],
)
def test_tags_have_the_codes_of_whisper(tag: str, code: str) -> None:
    assert whisper_code(tag) == code
    assert tag.partition("-")[0] in OF_WHISPER


@pytest.mark.parametrize(
    ("said", "tag"), [("korean", "ko"), ("ko", "ko"), ("Haitian Creole", "ht"), ("jw", "jv")]
)
def test_languages_that_a_provider_names_have_tags(said: str, tag: str) -> None:
    assert tag_of(said) == tag
