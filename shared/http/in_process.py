"""An httpx transport that calls an ASGI app of the same process, streaming both ways.

httpx's own ASGITransport gathers the whole answer in memory; a video does not fit there.
"""

import asyncio
from collections.abc import AsyncIterator

import httpx
from starlette.types import ASGIApp, Message, Scope

_CHUNKS_AHEAD = 4


class InProcessTransport(httpx.AsyncBaseTransport):
    """Sends every request to `app`; at most a few chunks of an answer wait to be read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Call the app and return as soon as its answer begins."""
        call = _Call(self._app, request)
        try:
            start = await call.begin()
        except BaseException:  # whoever stops waiting for an answer has left
            await call.end()
            raise
        return httpx.Response(start["status"], headers=start["headers"], stream=_Body(call))


class _Call:
    def __init__(self, app: ASGIApp, request: httpx.Request) -> None:
        if not isinstance(request.stream, httpx.AsyncByteStream):
            raise TypeError("an in-process request needs an asynchronous body")
        self._chunks = aiter(request.stream)
        self._app = app
        self._request = request
        self.messages: asyncio.Queue[Message | None] = asyncio.Queue(_CHUNKS_AHEAD)
        self._received = False
        self._left = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def begin(self) -> Message:
        """Start the app and wait for its status and headers."""
        self._running = asyncio.get_running_loop().create_task(self._run())
        start = await self.messages.get()
        if start is None:
            await self._running  # raises what the app raised
            raise httpx.RemoteProtocolError("the app ended without an answer")
        return start

    async def _run(self) -> None:
        try:
            await self._app(_scope(self._request), self._receive, self.messages.put)
        finally:
            if not self._left.is_set():
                await self.messages.put(None)

    async def _receive(self) -> Message:
        if self._received:
            await self._left.wait()
            return {"type": "http.disconnect"}
        chunk = await anext(self._chunks, None)
        self._received = chunk is None
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    async def end(self) -> None:
        """Tell the app that its client has left, and wait for it."""
        self._left.set()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})


class _Body(httpx.AsyncByteStream):
    def __init__(self, call: _Call) -> None:
        self._call = call

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (message := await self._call.messages.get()) is not None:
            if message["type"] == "http.response.body":
                if body := message.get("body"):
                    yield body
                if not message.get("more_body"):
                    return
        raise httpx.RemoteProtocolError("the app ended in the middle of its answer")

    async def aclose(self) -> None:
        await self._call.end()


def _scope(request: httpx.Request) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("in-process", 0),
        "server": (request.url.host, request.url.port or 80),
    }
