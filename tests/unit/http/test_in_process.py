"""The in-process transport streams both ways, and behaves like a connection when one side goes."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.in_process import InProcessTransport


def client(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=InProcessTransport(app), base_url="http://app")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    body = await request.body()
    answer = Response(
        body, 201, {"x-path": scope["path"], "x-query": scope["query_string"].decode()}
    )
    await answer(scope, receive, send)


async def test_a_request_arrives_whole_and_its_answer_too() -> None:
    async with client(echo) as http:
        answer = await http.post("/a%20b?c=d", content=b"hello")
    assert (answer.status_code, answer.content) == (201, b"hello")
    assert (answer.headers["x-path"], answer.headers["x-query"]) == ("/a b", "c=d")


async def test_an_answer_is_streamed_and_waits_for_its_reader() -> None:
    made = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal made
        for _ in range(100):
            made += 1
            yield b"x"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(chunks())(scope, receive, send)

    async with client(app) as http, http.stream("GET", "/") as answer:
        await asyncio.sleep(0.05)
        assert made < 20, "the app runs ahead of its reader"
        assert await answer.aread() == b"x" * 100


async def test_leaving_early_ends_the_app() -> None:
    ended = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
        finally:
            ended.set()

    async with client(app) as http, http.stream("GET", "/") as answer:
        assert await anext(answer.aiter_bytes()) == b"x"
    assert ended.is_set()


async def test_an_app_that_breaks_off_is_a_broken_connection() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})

    async with client(app) as http:
        with pytest.raises(httpx.RemoteProtocolError, match="in the middle"):
            await http.get("/")


async def test_an_app_that_answers_nothing_is_told() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        return

    async with client(app) as http:
        with pytest.raises(httpx.RemoteProtocolError, match="without an answer"):
            await http.get("/")


async def test_an_app_that_raises_raises_here() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("broken")

    async with client(app) as http:
        with pytest.raises(RuntimeError, match="broken"):
            await http.get("/")


async def test_who_is_cancelled_before_the_answer_begins_ends_the_app() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with client(app) as http:
        asking = asyncio.create_task(http.get("/"))
        await began.wait()
        asking.cancel()
        await asyncio.wait({asking})
    assert asking.cancelled()
    assert ended.is_set()
