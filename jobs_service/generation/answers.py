"""How a text is answered: whole, or as server-sent events while it is written."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from jobs_service.generation.schemas import GenerateAnswer, GenerateEnd
from shared.errors import Problem
from shared.http.problems import body_of

EVENT_STREAM = "text/event-stream"
SECONDS_BETWEEN_SIGNS = 10.0
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would collect events before it passes them on
]
_SIGN_OF_LIFE = b": still writing\n\n"


class Live(Response):
    """An answer that is made while it is sent; `run` does both."""

    def __init__(self, run: Callable[[Receive, Send], Awaitable[None]]) -> None:
        super().__init__()
        self._run = run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; raises Problems while nothing has been sent."""
        await self._run(receive, send)


class TextStream:
    """An event for each piece of a text, and one for its end. It begins with the first piece, so
    that whatever fails before has a status of its own."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def show(self, text: str) -> None:
        """Some more of the text."""
        await self._write("delta", {"text": text})

    async def end(self, answer: GenerateAnswer) -> None:
        """The text is whole; one that was whole before is shown at once."""
        if not self.has_begun and answer.text:
            await self.show(answer.text)
        await self._write("done", GenerateEnd.of(answer), more=False)

    async def fail(self, problem: Problem) -> None:
        """The text breaks off."""
        said = {**msgspec.to_builtins(body_of(problem)), **problem.members}
        await self._write("error", said, more=False)

    async def give_signs(self) -> None:
        """Keep the connection from being taken for dead, until cancelled."""
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_SIGNS)
            if self.has_begun:
                await self._pass(_SIGN_OF_LIFE, more=True)

    async def _write(self, event: str, data: object, *, more: bool = True) -> None:
        if not self.has_begun:
            start = {"type": "http.response.start", "status": 200, "headers": _HEADERS}
            await self._send(start)
            self.has_begun = True
        written = b"event: %b\ndata: %b\n\n" % (event.encode(), msgspec.json.encode(data))
        await self._pass(written, more=more)

    async def _pass(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


async def left(receive: Receive) -> None:
    """Return when the client has closed its connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
