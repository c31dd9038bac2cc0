"""Captions in another language, by a model that is asked line by line."""

import msgspec
import pytest

from jobs_service.captions.domain import Cue
from jobs_service.credits.domain import Balance
from jobs_service.generation.problems import ProviderKeyRefused, ProviderNotConfigured
from jobs_service.jobs.domain import JobNotFound
from jobs_service.jobs.use_cases import CancelJob
from jobs_service.recognition.domain import UnsupportedLanguage
from jobs_service.tracks.domain import CaptionsNotReady, TrackNotFound, VersionNotFound
from jobs_service.tracks.editing import EditTrack, Expected
from jobs_service.tracks.repository import Tracks
from jobs_service.tracks.use_cases import DeleteTrack
from jobs_service.translation.domain import (
    NothingToTranslate,
    TranslationIncomplete,
    TranslationNotOffered,
)
from jobs_service.translation.schemas import TranslationRequest
from jobs_service.work.progress import Progress
from shared.db.aliases import Aliases
from shared.db.database import Database
from shared.errors import Invalid
from shared.ids import uuid7
from shared.security.principal import UserId
from tests.integration.translation.conftest import CUES, WELCOME, Author, author_of
from tests.support.chat_server import ChatServer, ending, refused, said, word

ANSWER = "1| 좋은 아침입니다.\n2| 마당에 오신 것을\n4| 환영합니다."


def asked_lines(chat: ChatServer, at: int) -> str:
    """The last message of a request."""
    content: str = chat.requests[at]["messages"][-1]["content"]
    return content


async def test_a_translation_keeps_times_and_what_is_no_language(
    author: Author, chat: ChatServer
) -> None:
    chat.replies = [said(ANSWER)]
    source = await author.track()
    progress = Progress()
    job = await author.claimed(TranslationRequest(track_id=source, language="ko"))
    result = await author.work(job, progress)
    track, content = await author.translated(result)
    assert [(cue.start, cue.end) for cue in content.cues] == [(one.start, one.end) for one in CUES]
    assert [cue.text for cue in content.cues] == [
        "좋은 아침입니다.", "마당에 오신 것을", "♪", "환영합니다.",
    ]  # fmt: skip
    assert (track.language, track.origin, track.source_id) == ("ko", "translated", source)
    assert (track.job_id, track.version) == (job.id, 1)
    assert content.version.quality.rules == "ko-adult"
    assert (result.cues, result.translated, result.source_version) == (4, 3, 1)
    assert (result.provider, result.model) == ("openai", "gpt-4.1-mini")
    assert progress.reached == 1.0
    assert asked_lines(chat, 0) == "1| Good morning.\n2| And welcome\n4| to the courtyard."


async def test_minutes_without_captions_are_given_back(author: Author, chat: ChatServer) -> None:
    chat.replies = [said(ANSWER)]
    request = TranslationRequest(track_id=await author.track(seconds=130), language="ko")
    job = await author.claimed(request)
    assert await author.balance() == Balance(WELCOME - 3, 3)
    await author.work(job)
    assert (await author.job(job.id)).spent == 1
    assert await author.balance() == Balance(WELCOME - 1, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        "1| 좋은 아침입니다.\n2| 마당에 오신 것을 환영합니다.",
        "1| 좋은 아침입니다.\n2| 마당에 오신 것을 환영합니다.\n4|",
        "1| 좋은 아침입니다. 마당에 오신 것을 환영합니다.",
        "좋은 아침입니다. 마당에 오신 것을 환영합니다.",
    ],
    ids=["missing", "empty", "merged", "no numbers"],
)
async def test_an_answer_that_lost_a_line_is_asked_for_again_in_halves(
    author: Author, chat: ChatServer, wrong: str
) -> None:
    chat.replies = [
        said(wrong),
        said("1| 좋은 아침입니다."),
        said("2| 마당에 오신 것을\n4| 환영합니다."),
    ]
    job = await author.claimed(TranslationRequest(track_id=await author.track(), language="ko"))
    _, content = await author.translated(await author.work(job))
    assert [cue.text for cue in content.cues][:2] == ["좋은 아침입니다.", "마당에 오신 것을"]
    assert asked_lines(chat, 1) == "1| Good morning."
    assert asked_lines(chat, 2).endswith("Translate:\n2| And welcome\n4| to the courtyard.")
    assert "Good morning. => 좋은 아침입니다." in asked_lines(chat, 2)


async def test_an_answer_that_was_cut_off_is_not_taken(author: Author, chat: ChatServer) -> None:
    chat.replies = [
        [word(ANSWER), *ending("length")],
        said("1| 가"),
        said("2| 나\n4| 다"),
    ]
    job = await author.claimed(TranslationRequest(track_id=await author.track(), language="ko"))
    _, content = await author.translated(await author.work(job))
    assert [cue.text for cue in content.cues] == ["가", "나", "♪", "다"]


async def test_a_line_that_never_comes_fails_the_attempt(author: Author, chat: ChatServer) -> None:
    chat.replies = [said("no"), said("no")]
    source = await author.track([Cue(0, 2, ("Only this.",))])
    job = await author.claimed(TranslationRequest(track_id=source, language="ko"))
    with pytest.raises(TranslationIncomplete, match=r"cue 1, 'Only this\.'") as caught:
        await author.work(job)
    assert caught.value.retriable
    assert len(chat.requests) == 2
    assert await author.balance() == Balance(WELCOME - 3, 3)


async def test_a_long_track_is_translated_in_batches_with_what_came_before(
    author: Author, chat: ChatServer
) -> None:
    cues = [Cue(at, at + 0.9, (f"Line {at + 1} of many.",)) for at in range(65)]
    batches = [range(1, 31), range(31, 61), range(61, 66)]
    chat.replies = [said("\n".join(f"{n}| {n}번째 줄" for n in batch)) for batch in batches]
    source = await author.track(cues)
    job = await author.claimed(TranslationRequest(track_id=source, language="ko"))
    _, content = await author.translated(await author.work(job))
    assert [cue.text for cue in content.cues] == [f"{n}번째 줄" for n in range(1, 66)]
    assert "Line 30 of many. => 30번째 줄" in asked_lines(chat, 1)
    assert "Line 60 of many. => 60번째 줄" in asked_lines(chat, 2)


async def test_the_error_of_a_provider_is_the_error_of_the_job(
    author: Author, chat: ChatServer
) -> None:
    chat.replies = [refused(401, "invalid_api_key")]
    job = await author.claimed(TranslationRequest(track_id=await author.track(), language="ko"))
    with pytest.raises(ProviderKeyRefused):
        await author.work(job)


async def test_the_version_that_is_asked_for_is_translated(
    author: Author, chat: ChatServer
) -> None:
    source = await author.track([Cue(0, 2, ("First.",))])
    edited = (Cue(0, 2, ("Second.",)),)
    edit = EditTrack(author.base.database, 10)
    await edit.replace(author.owner, source, edited, Expected(None, 1))
    chat.replies = [said("1| 하나"), said("1| 둘")]
    old = await author.claimed(TranslationRequest(track_id=source, language="ko", version=1))
    assert (await author.work(old)).source_version == 1
    new = await author.claimed(TranslationRequest(track_id=source, language="ko"))
    assert (await author.work(new)).source_version == 2
    assert asked_lines(chat, 0) == "1| First."
    assert asked_lines(chat, 1) == "1| Second."


async def test_a_job_names_the_track_that_it_has_made(author: Author, chat: ChatServer) -> None:
    chat.replies = [said(ANSWER), said("1| おはよう。\n2| ようこそ\n4| 中庭へ。")]
    first = await author.claimed(TranslationRequest(track_id=await author.track(), language="ko"))
    await author.work(first)
    second = await author.claimed(TranslationRequest(job_id=first.id, language="ja"))
    track, content = await author.translated(await author.work(second))
    assert (track.language, content.cues[0].text) == ("ja", "おはよう。")


async def test_the_same_translation_under_way_is_that_job(author: Author) -> None:
    request = TranslationRequest(track_id=await author.track(), language="ko")
    first = await author.submit(request)
    assert (await author.submit(request)).id == first.id
    other = msgspec.structs.replace(request, language="ja")
    assert (await author.submit(other)).id != first.id
    assert (await author.balance()).held == 6


async def test_a_cancelled_translation_costs_nothing(author: Author) -> None:
    job = await author.submit(TranslationRequest(track_id=await author.track(), language="ko"))
    await CancelJob(author.base.database)(author.owner, job.id)
    assert await author.balance() == Balance(WELCOME, 0)


async def test_a_guest_who_registers_meanwhile_finds_the_translation(
    author: Author, chat: ChatServer
) -> None:
    chat.replies = [said(ANSWER)]
    job = await author.claimed(TranslationRequest(track_id=await author.track(), language="ko"))
    user = UserId(uuid7())
    async with author.base.database.transaction() as tx:
        await Aliases(tx).add(author.owner, user)
        await Tracks(tx).move(author.owner, user)
    result = await author.work(job)
    assert result.translated == 3


@pytest.mark.parametrize("settings", [{"text_provider": "offline"}, {"openai_api_key": None}])
async def test_who_cannot_translate_refuses_before_it_costs(
    database: Database, chat: ChatServer, settings: dict[str, str | None]
) -> None:
    more = {} if "text_provider" in settings else {"openai_base_url": "https://api.openai.com/v1"}
    author = await author_of(database, chat, **settings, **more)
    request = TranslationRequest(track_id=await author.track(), language="ko")
    with pytest.raises(TranslationNotOffered, match=r"OPENAI_API_KEY.*TEXT_PROVIDER=openai"):
        await author.submit(request)
    assert await author.balance() == Balance(WELCOME, 0)
    if more:
        with pytest.raises(ProviderNotConfigured):
            await author.submit(msgspec.structs.replace(request, provider="openai"))


async def test_the_offline_provider_is_refused_also_when_it_is_asked_for(author: Author) -> None:
    request = TranslationRequest(track_id=await author.track(), language="ko", provider="offline")
    with pytest.raises(TranslationNotOffered):
        await author.submit(request)


@pytest.mark.parametrize("language", ["en", "EN"])
async def test_a_track_is_not_translated_into_its_own_language(
    author: Author, language: str
) -> None:
    request = TranslationRequest(track_id=await author.track(), language=language)
    with pytest.raises(Invalid) as caught:
        await author.submit(request)
    assert caught.value.errors[0].field == "language"


async def test_an_unknown_language_is_refused_with_those_that_are_known(author: Author) -> None:
    request = TranslationRequest(track_id=await author.track(), language="xx")
    with pytest.raises(UnsupportedLanguage) as caught:
        await author.submit(request)
    assert "ko" in caught.value.errors[0].message


async def test_captions_without_a_word_are_refused(author: Author) -> None:
    source = await author.track([Cue(0, 2, ("♪",)), Cue(3, 4, ("1984",))])
    with pytest.raises(NothingToTranslate):
        await author.submit(TranslationRequest(track_id=source, language="ko"))


async def test_what_is_not_there_is_not_found(author: Author) -> None:
    with pytest.raises(TrackNotFound):
        await author.submit(TranslationRequest(track_id=uuid7(), language="ko"))
    with pytest.raises(JobNotFound):
        await author.submit(TranslationRequest(job_id=uuid7(), language="ko"))
    source = await author.track()
    with pytest.raises(VersionNotFound):
        await author.submit(TranslationRequest(track_id=source, language="ko", version=9))
    job = await author.submit(TranslationRequest(track_id=source, language="ko"))
    with pytest.raises(CaptionsNotReady):
        await author.submit(TranslationRequest(job_id=job.id, language="ja"))


async def test_somebody_elses_track_is_not_found(
    author: Author, database: Database, chat: ChatServer
) -> None:
    other = await author_of(database, chat)
    request = TranslationRequest(track_id=await author.track(), language="ko")
    with pytest.raises(TrackNotFound):
        await other.submit(request)
    await other.base.texts.aclose()


async def test_a_track_deleted_meanwhile_fails_the_job(author: Author) -> None:
    source = await author.track()
    job = await author.claimed(TranslationRequest(track_id=source, language="ko"))
    await DeleteTrack(author.base.database)(author.owner, source)
    with pytest.raises(TrackNotFound):
        await author.work(job)


@pytest.mark.parametrize("both", [True, False])
async def test_a_request_names_a_track_or_a_job(author: Author, both: bool) -> None:
    one = uuid7() if both else None
    with pytest.raises(Invalid) as caught:
        await author.submit(TranslationRequest(language="ko", track_id=one, job_id=one))
    assert caught.value.errors[0].field == ("job_id" if both else "track_id")
