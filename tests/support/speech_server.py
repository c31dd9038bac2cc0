"""A server on this machine that speaks the transcription protocol of OpenAI, as it is told to."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import av
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.runtime.http_server import HttpServer, bind
from shared.runtime.waiting import happens_within
from tests.support.chat_server import CUT, KEY, Told

MODEL = "whisper-1"
LONGEST_SECONDS = 20


@dataclass(frozen=True)
class Sent:
    """What a request sent: its fields, and the sound, by its file's name, bytes and seconds."""

    fields: dict[str, list[str]]
    name: str
    size: int
    seconds: float


class SpeechServer:
    """What it answers next is in `replies`: a response, seconds to wait, an event to wait for, or
    `CUT`; when there is none, it hears two words in all that it is sent."""

    def __init__(self, url: str) -> None:
        self.base_url = f"{url}/v1"
        self._over = asyncio.Event()
        self.reset()

    def reset(self) -> None:
        """Behave again."""
        self.replies: list[Response | float | object] = []
        self.sent: list[Sent] = []
        self.most_at_once = 0
        self._under_way: set[object] = set()
        self._over.set()  # who waits still, of an earlier test, is let go
        self._over = asyncio.Event()

    @property
    def app(self) -> Starlette:
        """Its one endpoint."""
        path = "/v1/audio/transcriptions"
        return Starlette(routes=[Route(path, self._transcribe, methods=["POST"])])

    async def _transcribe(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return refused(401, "invalid_api_key", f"Incorrect API key: {KEY}")
        sent = await _sent(request)
        self.sent.append(sent)
        under_way = self._under_way
        under_way.add(request)
        self.most_at_once = max(self.most_at_once, len(under_way))
        try:
            return await self._reply(sent)
        finally:
            under_way.remove(request)

    async def _reply(self, sent: Sent) -> Response:
        reply = self.replies.pop(0) if self.replies else None
        if reply is CUT:
            return Told([b'{"text": "Good', CUT], asyncio.Event())
        if isinstance(reply, int | float):
            await happens_within(reply, self._over)
        if isinstance(reply, asyncio.Event):
            await happens_within(LONGEST_SECONDS, reply)
        if isinstance(reply, Response):
            return reply
        if sent.fields["model"] != [MODEL]:
            return refused(404, "model_not_found", "The model does not exist")
        return JSONResponse(heard(sent.seconds))


def heard(seconds: float = 2.0, **other: Any) -> dict[str, Any]:
    """A transcription of that much sound."""
    words = [
        {"word": "Good", "start": 0.0, "end": 0.4},
        {"word": "day", "start": seconds - 0.4, "end": seconds},
    ]
    whole = {"id": 0, "start": 0.0, "end": seconds, "text": " Good day.", "avg_logprob": -0.1}
    said = {"task": "transcribe", "language": "english", "duration": seconds, "text": "Good day."}
    return {**said, "words": words, "segments": [whole], **other}


def refused(status: int, code: str, message: str, **headers: str) -> Response:
    """An error of the protocol."""
    error = {"message": message, "type": code, "param": None, "code": code}
    return JSONResponse({"error": error}, status, headers)


async def _sent(request: Request) -> Sent:
    async with request.form() as form:
        file = form["file"]
        assert isinstance(file, UploadFile)
        content = await file.read()
        fields: dict[str, list[str]] = {}
        for name, value in form.multi_items():
            if isinstance(value, str):
                fields.setdefault(name, []).append(value)
    with av.open(io.BytesIO(content), "r") as sound:
        frames = list(sound.decode(audio=0))
    seconds = sum(frame.samples / (frame.sample_rate or 1) for frame in frames)
    return Sent(fields, str(file.filename), len(content), round(seconds, 6))


@asynccontextmanager
async def speech_server() -> AsyncIterator[SpeechServer]:
    """A running server that behaves."""
    started = asyncio.Event()
    with bind("127.0.0.1", 0) as bound:
        speech = SpeechServer(f"http://127.0.0.1:{bound.getsockname()[1]}")
        server = HttpServer(speech.app, 0.1, started.set)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve([bound]))
            await started.wait()
            try:
                yield speech
            finally:
                server.should_exit = True
