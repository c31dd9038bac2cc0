"""The real faster-whisper in its child, with a tiny model that hears the same in every sound."""

from pathlib import Path

import pytest

from jobs_service.recognition.domain import (
    Heard,
    ModelUnavailable,
    RecognitionTooLarge,
    UnsupportedLanguage,
)
from jobs_service.recognition.extraction import extract
from jobs_service.recognition.sound import SoundTrack
from jobs_service.recognition.whisper import Whisper
from shared.runtime.children import Limits
from tests.support.recognition import ignore
from tests.support.sound import speech
from tests.support.tiny_whisper import HEARD_LANGUAGE, SAID, make_tiny_whisper

LIMITS = Limits(memory_bytes=2 * 1024**3, cpu_seconds=60, wall_seconds=60)


@pytest.fixture(scope="module")
async def track(tmp_path_factory: pytest.TempPathFactory) -> SoundTrack:
    directory = tmp_path_factory.mktemp("sound")
    talk = speech(directory / "talk.wav", 6)
    whole = (await extract(talk, directory / "samples", 300, ignore, LIMITS)).track
    return whole.between(2.0, 6.0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_whisper(tmp_path_factory.mktemp("models") / "tiny")


async def recognise(
    model: Path | str, track: SoundTrack, language: str, limits: Limits = LIMITS
) -> Heard:
    return await Whisper(str(model), limits).recognise(track, language, ignore)


async def test_a_model_from_a_directory_gives_words_in_times_of_the_video(
    model: Path, track: SoundTrack
) -> None:
    found = await recognise(model, track, "en-GB")
    assert tuple(word.text for word in found.words[: len(SAID)]) == SAID
    assert found.language == "en-GB"
    last = 2.0
    for word in found.words:
        assert last <= word.start <= word.end <= 6.0
        assert 0 <= word.confidence <= 1
        last = word.start


async def test_the_language_is_found_out_when_asked(model: Path, track: SoundTrack) -> None:
    assert (await recognise(model, track, "auto")).language == HEARD_LANGUAGE


async def test_a_model_for_english_alone_refuses_other_languages(
    tmp_path: Path, track: SoundTrack
) -> None:
    english = make_tiny_whisper(tmp_path / "english", multilingual=False)
    with pytest.raises(UnsupportedLanguage, match="'ko'"):
        await recognise(english, track, "ko")


async def test_a_model_that_is_not_there_is_worth_another_attempt(
    tmp_path: Path, track: SoundTrack
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelUnavailable, match="WHISPER_MODEL cannot be loaded") as told:
        await recognise(tmp_path / "empty", track, "en")
    assert told.value.retriable


async def test_a_model_that_needs_too_much_memory_is_refused(
    model: Path, track: SoundTrack
) -> None:
    with pytest.raises(RecognitionTooLarge):
        await recognise(model, track, "en", Limits(400 * 1024**2, 60, 60))
