"""A server on this machine that speaks the chat completions protocol, as it is told to."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from shared.runtime.http_server import HttpServer, bind

KEY = "sk-test-0123456789"
MODEL = "gpt-4.1-mini"
CUT = object()
Step = bytes | float | asyncio.Event | object


class Told(Response):
    """A stream of these steps: bytes are sent, numbers are seconds to wait, an Event is waited for,
    `CUT` ends the connection. `gone` is set when the client leaves before the end."""

    def __init__(self, steps: Sequence[Step], gone: asyncio.Event) -> None:
        super().__init__(media_type="text/event-stream")
        del self.headers["content-length"]
        self._steps = steps
        self._gone = gone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the steps."""

        async def listen() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            playing.cancel()

        async with asyncio.TaskGroup() as group:
            playing = group.create_task(self._play(send))
            listening = group.create_task(listen())
            await asyncio.wait({playing})
            listening.cancel()
            if playing.cancelled():
                self._gone.set()

    async def _play(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        for step in self._steps:
            if step is CUT:
                return
            if isinstance(step, bytes):
                await send({"type": "http.response.body", "body": step, "more_body": True})
            elif isinstance(step, asyncio.Event):
                await step.wait()
            elif isinstance(step, int | float):
                await asyncio.sleep(step)
        await send({"type": "http.response.body", "body": b""})


class ChatServer:
    """What it answers next is in `replies`; when there is none, a short text."""

    def __init__(self, url: str) -> None:
        self.base_url = f"{url}/v1"
        self.reset()

    def reset(self) -> None:
        """Behave again."""
        self.replies: list[Response | Sequence[Step]] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.client_left = asyncio.Event()

    @property
    def app(self) -> Starlette:
        """Its one endpoint."""
        path = "/v1/chat/completions"
        return Starlette(routes=[Route(path, self._complete, methods=["POST"])])

    async def _complete(self, request: Request) -> Response:
        self.requests.append(await request.json())
        self.keys.append(request.headers.get("authorization"))
        reply = self.replies.pop(0) if self.replies else said("Hello", " there")
        if isinstance(reply, Response):
            return reply
        return Told(reply, self.client_left)


def event(**members: Any) -> bytes:
    """One event of a stream."""
    whole = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    return f"data: {json.dumps({**whole, **members}, ensure_ascii=False)}\n\n".encode()


def word(text: str) -> bytes:
    """Some more of the text."""
    return event(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None}])


def ending(reason: str = "stop", usage: tuple[int, int] | None = (9, 2)) -> list[bytes]:
    """The end of a stream, with its usage."""
    events = [event(choices=[{"index": 0, "delta": {}, "finish_reason": reason}])]
    if usage is not None:
        tokens = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
        events.append(event(choices=[], usage={**tokens, "total_tokens": sum(usage)}))
    return [*events, b"data: [DONE]\n\n"]


def said(*words: str, usage: tuple[int, int] | None = (9, 2)) -> list[bytes]:
    """A whole stream that says this."""
    role = event(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}}])
    return [role, *(word(one) for one in words), *ending(usage=usage)]


def refused(
    status: int,
    code: str | None = None,
    message: str = "No.",
    headers: dict[str, str] | None = None,
    **members: Any,
) -> Response:
    """An error as the protocol has it."""
    error = {"message": message, "type": "error", "param": None, "code": code, **members}
    return JSONResponse({"error": error}, status, headers)


@asynccontextmanager
async def chat_server(port: int = 0) -> AsyncIterator[ChatServer]:
    """A running server that behaves."""
    started = asyncio.Event()
    with bind("127.0.0.1", port) as bound:
        chat = ChatServer(f"http://127.0.0.1:{bound.getsockname()[1]}")
        server = HttpServer(chat.app, 0.1, started.set)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve([bound]))
            await started.wait()
            try:
                yield chat
            finally:
                server.should_exit = True
