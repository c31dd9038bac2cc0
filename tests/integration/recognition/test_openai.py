"""Speech recognised by a server of the transcription protocol, and every way in which it fails."""

import asyncio
import logging
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, PlainTextResponse

from jobs_service.generation.problems import (
    ModelUnknown,
    ProviderAnswerMalformed,
    ProviderAway,
    ProviderFailed,
    ProviderKeyRefused,
    ProviderQuotaExhausted,
    ProviderRateLimited,
    ProviderTooSlow,
)
from jobs_service.recognition import openai as module
from jobs_service.recognition import pieces
from jobs_service.recognition.domain import Heard
from jobs_service.recognition.openai import OpenAISpeech
from jobs_service.recognition.sound import BYTES_PER_SECOND, SoundTrack
from shared.errors import Invalid, Problem
from tests.integration.recognition.conftest import quiet_track
from tests.support.chat_server import CUT, KEY, Told
from tests.support.loopback import free_port
from tests.support.recognition import ignore
from tests.support.speech_server import MODEL, SpeechServer, heard, refused


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_DELAYS", (0.01, 0.01))


@pytest.fixture
def track(tmp_path: Path) -> SoundTrack:
    return quiet_track(tmp_path / "samples", (0.0, 2.0))


async def recognise(
    server: SpeechServer,
    track: SoundTrack,
    *,
    language: str = "en",
    key: str = KEY,
    model: str = MODEL,
    patience: float = 10,
) -> Heard:
    speech = OpenAISpeech(server.base_url, key, model, patience)
    return await speech.recognise(track, language, ignore)


async def test_words_have_their_times_and_the_punctuation_of_the_text(
    speech_api: SpeechServer, track: SoundTrack
) -> None:
    found = await recognise(speech_api, track)
    assert [(word.text, word.start, word.end) for word in found.words] == [
        ("Good", 0.0, 0.4),
        ("day.", 1.6, 2.0),
    ]
    assert found.language == "en"
    assert 0.8 < found.words[0].confidence < 1


async def test_the_sound_is_sent_as_flac_with_its_language(
    speech_api: SpeechServer, track: SoundTrack
) -> None:
    await recognise(speech_api, track, language="ko-KR")
    (sent,) = speech_api.sent
    assert sent.fields == {
        "model": [MODEL],
        "language": ["ko"],
        "response_format": ["verbose_json"],
        "timestamp_granularities[]": ["word", "segment"],
    }
    assert (sent.name, sent.seconds) == ("speech.flac", 2.0)
    assert sent.size < 64_000 / 2


async def test_a_language_that_is_not_known_is_found_out(
    speech_api: SpeechServer, track: SoundTrack
) -> None:
    speech_api.replies = [JSONResponse(heard(language="korean"))]
    assert (await recognise(speech_api, track, language="auto")).language == "ko"
    assert "language" not in speech_api.sent[0].fields


async def test_long_sound_is_sent_in_pieces_under_the_limit(
    speech_api: SpeechServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (1.5 * pieces.PIECE_SECONDS + 20) * BYTES_PER_SECOND < 25_000_000
    monkeypatch.setattr(pieces, "PIECE_SECONDS", 4)
    found = await recognise(speech_api, quiet_track(tmp_path / "samples", (5.0, 10.0)))
    assert [sent.seconds for sent in speech_api.sent] == [pytest.approx(5, abs=1.3)] * 2
    assert sum(sent.seconds for sent in speech_api.sent) == pytest.approx(10)
    starts = [word.start for word in found.words]
    assert starts[0] == 5.0
    assert starts[2] == pytest.approx(5 + speech_api.sent[0].seconds)
    assert found.words[-1].end == pytest.approx(15)


async def test_holes_of_minutes_are_not_sent(speech_api: SpeechServer, tmp_path: Path) -> None:
    track = quiet_track(tmp_path / "samples", (0.0, 1.0), (5.0, 1.0), (500.0, 1.0), (600.0, 0.05))
    found = await recognise(speech_api, track)
    assert [sent.seconds for sent in speech_api.sent] == [6.0, 1.0]
    assert [word.start for word in found.words] == [0.0, 5.6, 500.0, 500.6]


async def test_without_times_of_words_those_of_segments_are_shared_out(
    speech_api: SpeechServer, track: SoundTrack
) -> None:
    speech_api.replies = [JSONResponse(heard(words=None))]
    found = await recognise(speech_api, track)
    assert [(word.text, word.start, word.end) for word in found.words] == [
        ("Good", 0.0, 1.0),
        ("day.", 1.0, 2.0),
    ]


async def test_times_past_the_end_of_what_was_sent_are_cut_off(
    speech_api: SpeechServer, track: SoundTrack
) -> None:
    speech_api.replies = [JSONResponse(heard(9.0))]
    assert (await recognise(speech_api, track)).words[-1].end == 2.0


FINAL = [
    (refused(401, "invalid_api_key", f"Incorrect API key: {KEY}"), ProviderKeyRefused),
    (refused(403, "country", "Not here"), ProviderKeyRefused),
    (refused(429, "insufficient_quota", "You exceeded your quota"), ProviderQuotaExhausted),
    (refused(404, "model_not_found", "The model does not exist"), ModelUnknown),
    (refused(400, "invalid_request_error", "Invalid file format."), Invalid),
    (refused(413, "too_large", "Maximum content size limit exceeded"), Invalid),
    (PlainTextResponse("It works!"), ProviderAnswerMalformed),
    (JSONResponse({"text": "Good day."}), ProviderAnswerMalformed),
]


@pytest.mark.parametrize(("reply", "problem"), FINAL)
async def test_what_trying_again_cannot_heal_is_told_at_once(
    speech_api: SpeechServer, track: SoundTrack, reply: object, problem: type[Problem]
) -> None:
    speech_api.replies = [reply]
    with pytest.raises(problem) as told:
        await recognise(speech_api, track)
    assert len(speech_api.sent) == 1
    assert not told.value.retriable
    assert KEY not in str(told.value)


async def test_what_the_server_does_not_take_is_told_in_its_words(
    speech_api: SpeechServer, track: SoundTrack
) -> None:
    speech_api.replies = [refused(400, "invalid_request_error", f"No such format: {KEY}")]
    with pytest.raises(Invalid) as told:
        await recognise(speech_api, track)
    assert told.value.detail == ("The provider does not take the request: No such format: [hidden]")


PASSING = [
    (refused(429, "rate_limit_exceeded", "Slow down"), ProviderRateLimited),
    (refused(500, "server_error", "Oh"), ProviderFailed),
    (PlainTextResponse("bad gateway", 502), ProviderFailed),
    (CUT, ProviderAway),
]


@pytest.mark.parametrize(("reply", "problem"), PASSING)
async def test_what_may_pass_is_tried_again(
    speech_api: SpeechServer, track: SoundTrack, reply: object, problem: type[Problem]
) -> None:
    speech_api.replies = [reply, reply]
    assert len((await recognise(speech_api, track)).words) == 2
    assert len(speech_api.sent) == 3


@pytest.mark.parametrize(("reply", "problem"), PASSING)
async def test_what_does_not_pass_is_for_another_attempt_at_the_job(
    speech_api: SpeechServer, track: SoundTrack, reply: object, problem: type[Problem]
) -> None:
    speech_api.replies = [reply] * 3
    with pytest.raises(problem) as told:
        await recognise(speech_api, track)
    assert told.value.retriable


@pytest.mark.parametrize("status", [429, 503])
async def test_a_server_that_says_when_is_asked_then_and_not_before(
    speech_api: SpeechServer, track: SoundTrack, status: int
) -> None:
    speech_api.replies = [refused(status, "server_error", "Later", **{"retry-after": "1"})]
    began = asyncio.get_running_loop().time()
    await recognise(speech_api, track)
    assert asyncio.get_running_loop().time() - began >= 1


async def test_a_server_that_wants_to_be_left_alone_for_long_is_left_to_the_job(
    speech_api: SpeechServer, track: SoundTrack
) -> None:
    later = {"retry-after": "600"}
    speech_api.replies = [refused(429, "rate_limit_exceeded", "Slow down", **later)]
    with pytest.raises(ProviderRateLimited):
        await recognise(speech_api, track)
    assert len(speech_api.sent) == 1


async def test_a_slow_server_is_told_apart_from_one_that_is_away(
    speech_api: SpeechServer, track: SoundTrack
) -> None:
    drops = Told([b" ", 0.1] * 10, asyncio.Event())
    for slow in (1.0, drops):
        speech_api.replies = [slow]
        with pytest.raises(ProviderTooSlow, match=r"more than 0\.2 seconds"):
            await recognise(speech_api, track, patience=0.2)
    away = SpeechServer(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ProviderAway) as told:
        await recognise(away, track)
    assert told.value.retriable


async def test_an_unknown_model_and_a_wrong_key_are_named(
    speech_api: SpeechServer, track: SoundTrack
) -> None:
    with pytest.raises(ModelUnknown):
        await recognise(speech_api, track, model="whisper-9")
    with pytest.raises(ProviderKeyRefused, match="OPENAI_API_KEY"):
        await recognise(speech_api, track, key="sk-wrong")


async def test_the_key_is_in_no_log(
    speech_api: SpeechServer, track: SoundTrack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    speech_api.replies = [refused(500, "server_error", f"Oh {KEY}")]
    await recognise(speech_api, track)
    assert KEY not in caplog.text
    assert KEY not in repr(OpenAISpeech(speech_api.base_url, KEY, MODEL, 1))
