"""`openai`: any server that speaks the transcription protocol (`POST …/audio/transcriptions`)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx
import msgspec

from jobs_service.captions.domain import Word
from jobs_service.generation.openai_errors import ErrorReader
from jobs_service.generation.problems import (
    ProviderAnswerMalformed,
    ProviderAway,
    ProviderFailed,
    ProviderRateLimited,
    ProviderTooSlow,
)
from jobs_service.recognition.domain import Heard, OnProgress
from jobs_service.recognition.languages import AUTO, tag_of, whisper_code
from jobs_service.recognition.openai_wire import Transcription
from jobs_service.recognition.pieces import as_flac, pieces
from jobs_service.recognition.sound import Sound, SoundTrack
from shared.errors import Problem
from shared.observability.logging import get_logger

log = get_logger(__name__)

RETRY_DELAYS = (1.0, 4.0, 15.0)
"""Seconds before another try; a longer `Retry-After` is kept."""
LONGEST_WAIT = 60.0
"""Who is told to wait for longer gives the job back, which is tried again later."""
_WORTH_ANOTHER_TRY = (ProviderAway, ProviderFailed, ProviderRateLimited)
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class OpenAISpeech:
    """`patience` is how many seconds an answer may take; a server of one's own may need no key."""

    base_url: str
    key: str | None = field(repr=False)
    model: str
    patience: float

    async def recognise(self, sound: SoundTrack, language: str, on_progress: OnProgress) -> Heard:
        """The words, with capitals and punctuation.

        Raises the Problems of `generation.problems`: the key is refused, the quota is used up, the
        model is unknown, or, worth another attempt later, the server is busy, slow or away.
        """
        words: list[Word] = []
        heard = language
        async with self._client() as client:
            for piece in await asyncio.to_thread(lambda: [*pieces(sound)]):
                said = await self._transcribed(client, piece, language)
                words += (_moved(word, piece) for word in said.spoken())
                if heard == AUTO and said.language:
                    heard = tag_of(said.language)
                await on_progress(_share(sound, piece))
        return Heard("und" if heard == AUTO else heard, tuple(words))

    def written(self, words: Sequence[Word]) -> Sequence[Word]:
        """As they are."""
        return words

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers={"authorization": f"Bearer {self.key}"} if self.key else {},
            timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
            verify=self.base_url.startswith("https:"),
        )

    async def _transcribed(
        self, client: httpx.AsyncClient, piece: Sound, language: str
    ) -> Transcription:
        file = await asyncio.to_thread(as_flac, piece.pcm)
        tries = iter(RETRY_DELAYS)
        while True:
            try:
                return await self._attempt(client, file, language)
            except _WORTH_ANOTHER_TRY as problem:
                delay = next(tries, None)
                asked = _asked_to_wait(problem)
                if delay is None or asked > LONGEST_WAIT:
                    raise
                log.info("speech_provider_asked_again", code=problem.code, detail=problem.detail)
                await asyncio.sleep(max(delay, asked))

    async def _attempt(
        self, client: httpx.AsyncClient, file: bytes, language: str
    ) -> Transcription:
        form: dict[str, str | list[str]] = {
            "model": self.model,
            "response_format": "verbose_json",
            "timestamp_granularities[]": ["word", "segment"],
        }
        if language != AUTO:
            form["language"] = whisper_code(language)
        files = {"file": ("speech.flac", file, "audio/flac")}
        try:
            async with asyncio.timeout(self.patience):
                answer = await client.post(
                    f"{self.base_url}/audio/transcriptions", data=form, files=files
                )
        except httpx.ConnectTimeout as error:
            raise ProviderAway("It takes no connection.") from error
        except TimeoutError as error:
            raise ProviderTooSlow(f"It took more than {self.patience:g} seconds.") from error
        except httpx.HTTPError as error:
            raise ProviderAway(f"The connection failed: {type(error).__name__}.") from error
        if answer.status_code != httpx.codes.OK:
            raise self._problem(answer)
        return _read(answer.content)

    def _problem(self, answer: httpx.Response) -> Problem:
        after = answer.headers.get("retry-after")
        problem = ErrorReader(self.key).of_answer(answer.status_code, answer.content, after)
        if after is None:
            problem.headers.pop("retry-after", None)
        return problem


def _read(body: bytes) -> Transcription:
    try:
        said = msgspec.json.decode(body, type=Transcription)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProviderAnswerMalformed(f"Its transcription cannot be read: {error}.") from None
    if not said.tells_times:
        raise ProviderAnswerMalformed(
            "It tells no times of words; the operator has to look at OPENAI_TRANSCRIPTION_MODEL."
        )
    return said


def _asked_to_wait(problem: Problem) -> float:
    return float(problem.headers.get("retry-after", 0))


def _moved(word: Word, piece: Sound) -> Word:
    """In seconds of the video, and within what was sent."""
    start = min(piece.start + word.start, piece.end)
    end = min(max(piece.start + word.end, start), piece.end)
    return msgspec.structs.replace(word, start=round(start, 3), end=round(end, 3))


def _share(sound: SoundTrack, piece: Sound) -> float:
    """How far one is who has come to the end of `piece`."""
    begin, end = sound.runs[0].start, sound.runs[-1].end
    return min((piece.end - begin) / max(end - begin, 0.001), 1.0)
