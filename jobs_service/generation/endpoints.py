"""HTTP: texts for those who wait."""

from dataclasses import dataclass
from functools import partial

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Send

from jobs_service.credits.domain import NotEnoughCredits
from jobs_service.generation.answers import EVENT_STREAM, Live, TextStream, left
from jobs_service.generation.generate import Generate
from jobs_service.generation.problems import (
    OF_PROVIDERS,
    GenerationBusy,
    TextStopped,
    TooManyTexts,
)
from jobs_service.generation.schemas import (
    EXAMPLE_ANSWER,
    EXAMPLE_REQUEST,
    EXAMPLE_STREAM,
    GenerateRequest,
    TextRequest,
)
from jobs_service.generation.writing import Audience, ClientLeft, attended
from jobs_service.idempotency.domain import KeyReused, RequestInProgress
from jobs_service.idempotency.header import IdempotencyKey
from shared.db.aliases import OwnerErased
from shared.errors import Problem
from shared.http.endpoint import endpoint
from shared.security.principal import Principal, UserId


@dataclass(frozen=True, slots=True)
class GenerateEndpoints:
    """Texts; `answer_seconds` and `stream_seconds` are how long the two forms may take."""

    generate_text: Generate
    answer_seconds: float
    stream_seconds: float

    @endpoint(
        "POST",
        "/api/v2/generate",
        summary="Write a text with a language model",
        description="Answers with the whole text, or, with `stream`, with server-sent events: "
        "`delta` for each piece, then `done` with usage and cost, or `error` with a problem. Holds "
        "what the text may cost at most; what it did not take, or all of it if nothing comes, is "
        "given back. A text that breaks off after its begin costs what there is of it.",
        tag="text",
        body_example=EXAMPLE_REQUEST,
        answers=("application/json", EVENT_STREAM),
        example=EXAMPLE_ANSWER,
        text_examples={EVENT_STREAM: EXAMPLE_STREAM},
        errors=(
            NotEnoughCredits,
            KeyReused,
            RequestInProgress,
            OwnerErased,
            TooManyTexts,
            GenerationBusy,
            TextStopped,
            *OF_PROVIDERS,
        ),
        scope="jobs:write",
    )
    async def generate(
        self,
        body: GenerateRequest,
        caller: Principal,
        idempotency_key: IdempotencyKey,
        request: Request,
    ) -> Response:
        """Write it while the caller waits."""
        streams = body.stream
        if streams is None:
            streams = EVENT_STREAM in request.headers.get("accept", "")
        answer = self._stream if streams else self._whole
        return Live(partial(answer, caller.id, body.as_job(), idempotency_key))

    async def _whole(
        self, owner: UserId, asked: TextRequest, key: str | None, receive: Receive, send: Send
    ) -> None:
        audience = Audience(partial(left, receive), None, self.answer_seconds)
        try:
            answer = await self.generate_text(owner, asked, key, audience)
        except ClientLeft:
            raise ClientDisconnect from None
        response = Response(
            msgspec.json.encode(answer),
            headers={"cache-control": "no-store"},
            media_type="application/json",
        )
        await response({"type": "http"}, receive, send)

    async def _stream(
        self, owner: UserId, asked: TextRequest, key: str | None, receive: Receive, send: Send
    ) -> None:
        stream = TextStream(send)
        audience = Audience(partial(left, receive), stream.show, self.stream_seconds)
        writing = self._write(stream, owner, asked, key, audience)
        await attended(writing, stream.give_signs())

    async def _write(
        self,
        stream: TextStream,
        owner: UserId,
        asked: TextRequest,
        key: str | None,
        audience: Audience,
    ) -> None:
        try:
            await stream.end(await self.generate_text(owner, asked, key, audience))
        except ClientLeft:
            raise ClientDisconnect from None
        except Problem as problem:
            if not stream.has_begun:
                raise
            await stream.fail(problem)
