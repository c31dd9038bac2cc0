"""Texts by any server that speaks the chat completions protocol (`POST …/chat/completions`)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Literal

import httpx
import msgspec

from jobs_service.generation.domain import Asked, Delta, Draft, Ending, FinishReason, Piece
from jobs_service.generation.event_stream import events
from jobs_service.generation.openai_errors import ErrorReader
from jobs_service.generation.openai_wire import Chunk, body_of, usage_of
from jobs_service.generation.problems import (
    ContentRefused,
    ModelUnknown,
    ProviderAnswerMalformed,
    ProviderAway,
    ProviderFailed,
    ProviderNotConfigured,
    ProviderRateLimited,
    TextCutOff,
)
from shared.errors import FieldError, Problem
from shared.observability.logging import get_logger

log = get_logger(__name__)

RETRY_DELAYS = (0.25, 1.0)
"""Seconds before another try, while nothing of the text has come."""
_LONGEST_WAIT = 2.0
"""A longer `Retry-After` is for the client to wait for."""
_WORTH_ANOTHER_TRY = (ProviderAway, ProviderFailed, ProviderRateLimited)
_MAX_ERROR_BYTES = 64 * 1024
_CONNECT_SECONDS = 5.0


class OpenAIChat:
    """`models` are offered, the first unless another is asked for. Without `configured` everything
    is refused; a server of one's own may need no key."""

    name: Literal["openai"] = "openai"
    follows_prompts = True

    def __init__(
        self,
        base_url: str,
        key: str | None,
        models: tuple[str, ...],
        *,
        configured: bool,
        connections: int,
    ) -> None:
        self._base_url = base_url
        self._models = models
        self._configured = configured
        self._key = key
        self._connections = connections
        self._errors = ErrorReader(key)
        self._opened: httpx.AsyncClient | None = None

    @property
    def _http(self) -> httpx.AsyncClient:
        """Made when it is needed: to read the authorities that the system trusts takes a while."""
        if self._opened is None:
            self._opened = httpx.AsyncClient(
                headers={"authorization": f"Bearer {self._key}"} if self._key else {},
                # how long an answer may take is for whoever asks
                timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
                limits=httpx.Limits(max_connections=self._connections),
                verify=self._base_url.startswith("https:"),
            )
        return self._opened

    def model_for(self, asked: Asked) -> str:
        """Raises ProviderNotConfigured, ModelUnknown."""
        if not self._configured:
            raise ProviderNotConfigured("The operator has to set OPENAI_API_KEY.")
        if asked.model is None:
            return self._models[0]
        if asked.model not in self._models:
            fault = f"must be one of {', '.join(self._models)}; it is {asked.model!r}"
            raise ModelUnknown(errors=(FieldError("model", fault),))
        return asked.model

    async def stream(self, asked: Asked) -> AsyncGenerator[Piece, None]:
        """The pieces of the text, as they come."""
        body = body_of(asked, self.model_for(asked), self._base_url)
        tries = iter(RETRY_DELAYS)
        while True:
            begun = False
            try:
                async with aclosing(self._attempt(body, asked)) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
            except _WORTH_ANOTHER_TRY as problem:
                delay = next(tries, None)
                if begun or delay is None or _must_wait(problem):
                    raise
                log.info("text_provider_asked_again", code=problem.code, detail=problem.detail)
                await asyncio.sleep(delay)
            else:
                return

    async def aclose(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            await self._opened.aclose()

    async def _attempt(self, body: dict[str, object], asked: Asked) -> AsyncGenerator[Piece, None]:
        draft = Draft(asked.messages)
        reason: FinishReason | None = None
        usage = None
        async with self._answer(body, draft) as chunks, aclosing(events(chunks)) as datas:
            async for data in datas:
                if data == "[DONE]":
                    break
                chunk = self._chunk(data)
                usage = usage_of(chunk.usage) or usage
                for choice in chunk.choices[:1]:
                    reason = _reason(choice.finish_reason) or reason
                    if choice.delta.refusal:
                        raise ContentRefused("The model refuses to answer this.")
                    if choice.delta.content:
                        piece = Delta(choice.delta.content)
                        draft.add(piece)
                        yield piece
        if reason is None:
            raise _broken_off(draft)
        yield Ending(reason, usage or draft.usage)

    @asynccontextmanager
    async def _answer(
        self, body: dict[str, object], draft: Draft
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The chunks of an answer that is a stream; failures of the connection become Problems."""
        url = f"{self._base_url}/chat/completions"
        try:
            async with self._http.stream("POST", url, json=body) as answer:
                if answer.status_code != 200:
                    raise await self._error(answer)
                if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                    raise ProviderAnswerMalformed("It does not stream.")
                yield answer.aiter_bytes()
        except httpx.HTTPError as error:
            log.warning("text_provider_broke_off", error=repr(error))
            raise _broken_off(draft) from None

    async def _error(self, answer: httpx.Response) -> Problem:
        said = b""
        async for chunk in answer.aiter_bytes():
            said += chunk
            if len(said) > _MAX_ERROR_BYTES:
                break
        problem = self._errors.of_answer(
            answer.status_code, said, answer.headers.get("retry-after")
        )
        log.warning("text_provider_refused", status=answer.status_code, code=problem.code)
        return problem

    def _chunk(self, data: str) -> Chunk:
        try:
            chunk = msgspec.json.decode(data, type=Chunk)
        except msgspec.MsgspecError as error:
            raise ProviderAnswerMalformed(f"An event of its answer is wrong: {error}.") from None
        if chunk.error is not None:
            code = getattr(chunk.error, "code", None)
            status = code if isinstance(code, int) and 400 <= code < 600 else 500
            raise self._errors.of(status, chunk.error)
        return chunk


def _reason(said: str | None) -> FinishReason | None:
    if said == "content_filter":
        raise ContentRefused("The provider's rules do not allow the rest.")
    if said is None:
        return None
    return "length" if said == "length" else "stop"


def _broken_off(draft: Draft) -> Problem:
    if draft.text:
        return TextCutOff("The connection to the provider ended in the middle.")
    return ProviderAway("The provider ended without an answer.")


def _must_wait(problem: Problem) -> bool:
    return float(problem.headers.get("retry-after", "0")) > _LONGEST_WAIT
