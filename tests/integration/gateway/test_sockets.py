"""WebSockets: who may open one, who hears what, and how they end."""

import asyncio
import gc
import logging
import time
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.access_log import AccessLog
from gateway.rate_limits.building import rate_limits
from gateway.rate_limits.settings import RateLimitSettings
from shared.runtime import websocket_protocol
from shared.runtime.websocket_protocol import WebSocketProtocol
from shared.settings import load
from tests.support.clock import MovableClock
from tests.support.gateway import ORIGIN
from tests.support.realtime import Live, a_user, job_event, live, opened, said, token_of


async def closed(socket: Any) -> tuple[int, str]:
    """With what code and reason the connection ends."""
    async with asyncio.timeout(10):
        with suppress(ConnectionClosed):
            while True:
                await socket.recv()
    return socket.close_code, socket.close_reason


async def refused(live: Live, **options: Any) -> tuple[int, dict[str, Any]]:
    """The status and the problem with which a handshake is refused."""
    with pytest.raises(InvalidStatus) as error:
        async with live.socket(**options):
            pass
    return error.value.response.status_code, msgspec.json.decode(error.value.response.body)


async def test_a_user_hears_of_what_is_theirs_and_of_nothing_else() -> None:
    mina, juno = a_user(), a_user()
    async with live() as gate, gate.socket(token_of(mina)) as socket:
        await opened(socket)
        mine = job_event(mina, "started", attempt=1)
        await gate.happens(job_event(juno), mine)
        heard = await said(socket)
    assert heard["id"] == str(mine.id)
    assert heard["type"] == "jobs.job.started"
    assert heard["time"] == mine.time.isoformat().replace("+00:00", "Z")
    assert heard["data"] == msgspec.json.decode(mine.data)


async def test_an_address_may_not_open_connections_without_end() -> None:
    few = load(RateLimitSettings, rate_limit_rest_per_minute=4)  # an address has half of it
    async with live(limits=rate_limits(few, MovableClock()).limits) as gate:
        for _ in range(2):
            async with gate.socket(token_of(a_user())) as socket:
                await opened(socket)
        status, problem = await refused(gate, token=token_of(a_user()))
    assert (status, problem["code"]) == (429, "rate_limited")


async def test_every_connection_of_a_user_hears() -> None:
    user = a_user()
    async with (
        live() as gate,
        gate.socket(token_of(user)) as one,
        gate.socket(token_of(user)) as two,
    ):
        await opened(one)
        await opened(two)
        event = job_event(user)
        await gate.happens(event)
        assert (await said(one))["id"] == (await said(two))["id"] == str(event.id)


async def test_an_event_that_is_delivered_twice_is_told_once() -> None:
    user = a_user()
    async with live() as gate, gate.socket(token_of(user)) as socket:
        await opened(socket)
        first, second = job_event(user), job_event(user)
        await gate.happens(first, first, second)
        assert [(await said(socket))["id"] for _ in range(2)] == [str(first.id), str(second.id)]


async def test_a_browser_shows_its_token_as_a_subprotocol() -> None:
    user = a_user()
    async with (
        live() as gate,
        gate.socket(subprotocols=["madang", f"bearer.{token_of(user)}"], origin=ORIGIN) as socket,
    ):
        assert socket.subprotocol == "madang"
        ready = await said(socket)
    assert (ready["type"], ready["user_id"]) == ("ready", str(user.id))
    assert ready["expires_at"]


async def test_a_token_may_come_with_the_first_message() -> None:
    user = a_user()
    async with live() as gate, gate.socket() as socket:
        await socket.send(msgspec.json.encode({"type": "auth", "token": token_of(user)}).decode())
        assert (await opened(socket))["type"] == "snapshot"


@pytest.mark.parametrize("name", ["token", "access_token"])
async def test_a_token_in_the_url_is_refused_although_it_is_good(name: str) -> None:
    async with live() as gate:
        token = token_of(a_user())
        status, problem = await refused(gate, token=token, path=f"/ws?{name}={token}")
    assert (status, problem["code"]) == (400, "token_in_url")


@pytest.mark.parametrize(
    "message",
    [
        '{"type":"auth","token":"made up"}',
        '{"type":"ping"}',
        '{"type":"auth"}',
        "hello",
        b"\x00\x01",
    ],
)
async def test_a_first_message_without_a_good_token_ends_the_connection(
    message: str | bytes,
) -> None:
    async with live() as gate, gate.socket() as socket:
        await socket.send(message)
        assert (await said(socket))["type"] == "error"
        assert await closed(socket) == (4401, "unauthenticated")


async def test_a_client_that_shows_no_token_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.realtime.sockets.AUTH_SECONDS", 0.05)
    async with live() as gate, gate.socket() as socket:
        assert (await said(socket))["code"] == "unauthenticated"
        assert await closed(socket) == (4401, "unauthenticated")


async def test_a_bad_token_is_refused_before_the_handshake() -> None:
    async with live() as gate:
        status, problem = await refused(gate, token="made.up.token")
        assert (status, problem["code"]) == (401, "token_invalid")
        session = a_user()
        await gate.revoke(session.session_id)
        status, problem = await refused(gate, token=token_of(session))
        assert (status, problem["code"]) == (401, "session_revoked")


async def test_a_page_of_another_site_is_refused() -> None:
    async with live() as gate:
        token = token_of(a_user())
        for origin in ("https://evil.example", "null", "https://app.example.evil.example"):
            status, problem = await refused(gate, token=token, origin=origin)
            assert (status, problem["code"]) == (403, "origin_refused")


async def test_a_refused_handshake_is_no_error_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    async with live() as gate:
        await refused(gate, headers={"origin": "https://other.example"})
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR] == []


async def test_a_page_of_this_host_may_connect() -> None:
    async with live() as gate:
        origin = f"http://127.0.0.1:{gate.port}"
        async with gate.socket(token_of(a_user()), origin=origin) as socket:
            assert (await said(socket))["type"] == "ready"


async def test_a_websocket_begins_with_a_get() -> None:
    async with live() as gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
        writer.write(handshake().replace(b"GET", b"POST"))
        async with asyncio.timeout(5):
            assert b" 101 " not in await reader.readuntil(b"\r\n\r\n")
        writer.close()


async def test_only_the_subprotocol_that_is_spoken_here_is_accepted() -> None:
    async with live() as gate:
        status, problem = await refused(gate, subprotocols=["bearer.token"])
    assert (status, problem["code"]) == (400, "malformed_request")


async def test_no_other_path_has_websockets() -> None:
    async with live() as gate:
        status, problem = await refused(gate, token=token_of(a_user()), path="/api/jobs")
        assert (status, problem["code"]) == (404, "not_found")
        async with gate.socket(token_of(a_user()), path="/ws/") as socket:
            assert (await said(socket))["type"] == "ready"


async def test_a_user_may_have_so_many_connections_and_others_are_not_kept_out() -> None:
    user = a_user()
    async with live(per_user=1) as gate:
        async with gate.socket(token_of(user)) as socket:
            await opened(socket)
            status, problem = await refused(gate, token=token_of(user))
            assert (status, problem["code"]) == (429, "too_many_connections")
            async with gate.socket() as late:
                await late.send(
                    msgspec.json.encode({"type": "auth", "token": token_of(user)}).decode()
                )
                assert (await said(late))["code"] == "too_many_connections"
                assert await closed(late) == (4429, "too_many_connections")
            async with gate.socket(token_of(a_user())) as other:
                await opened(other)
        async with gate.socket(token_of(user)) as again:
            await opened(again)


async def test_a_full_process_refuses_connections() -> None:
    async with live(in_all=1) as gate, gate.socket(token_of(a_user())) as socket:
        await opened(socket)
        status, problem = await refused(gate, token=token_of(a_user()))
        assert (status, problem["code"]) == (503, "no_room")


async def test_those_without_a_token_cannot_take_all_the_places() -> None:
    async with live(in_all=10) as gate, gate.socket():
        status, problem = await refused(gate)
        assert (status, problem["code"]) == (503, "no_room")
        async with gate.socket(token_of(a_user())) as socket:
            await opened(socket)


async def test_a_revoked_session_is_closed_within_100_ms_and_others_are_not() -> None:
    user = a_user()
    phone = msgspec.structs.replace(user, session_id=a_user().session_id)
    async with (
        live() as gate,
        gate.socket(token_of(user)) as one,
        gate.socket(token_of(phone)) as two,
    ):
        await opened(one)
        await opened(two)
        began = time.monotonic()
        await gate.revoke(user.session_id)
        assert await closed(one) == (4401, "session_revoked")
        assert time.monotonic() - began < 0.1
        await gate.happens(job_event(user))
        assert (await said(two))["type"] == "jobs.job.progressed"


async def test_an_expired_token_ends_the_connection_and_a_fresh_one_keeps_it() -> None:
    clock = MovableClock()
    user = a_user()
    async with (
        live(clock=clock) as gate,
        gate.socket(token_of(user, clock)) as kept,
        gate.socket(token_of(user, clock)) as lost,
    ):
        await opened(kept)
        await opened(lost)
        clock.advance(14 * 60)
        fresh = {"type": "auth", "token": token_of(user, clock)}
        await kept.send(msgspec.json.encode(fresh).decode())
        assert (await said(kept))["type"] == "ready"
        clock.advance(2 * 60)
        assert await closed(lost) == (4401, "token_expired")
        await gate.happens(job_event(user))
        assert (await said(kept))["type"] == "jobs.job.progressed"


async def test_a_fresh_token_must_be_of_the_same_user_and_a_bad_one_changes_nothing() -> None:
    user = a_user()
    async with live() as gate, gate.socket(token_of(user)) as socket:
        await opened(socket)
        for token, code in ((token_of(a_user()), "other_user"), ("made up", "token_invalid")):
            await socket.send(msgspec.json.encode({"type": "auth", "token": token}).decode())
            refused = await said(socket)
            assert (refused["type"], refused["code"]) == ("error", code)
        await gate.happens(job_event(user))
        assert (await said(socket))["type"] == "jobs.job.progressed"


async def test_a_ping_is_answered_and_what_is_not_understood_is_told_so() -> None:
    async with live() as gate, gate.socket(token_of(a_user())) as socket:
        await opened(socket)
        await socket.send('{"type":"ping"}')
        assert await said(socket) == {"type": "pong"}
        for message in ('{"type":"dance"}', "[", b"\x00", '{"type":"auth","token":7}'):
            await socket.send(message)
            assert (await said(socket))["code"] == "message_not_understood"


async def test_empty_pieces_of_a_message_are_not_collected() -> None:
    begun, empty, ping = (
        b"\x01\x81" + bytes(4) + b"{",
        b"\x00\x80" + bytes(4),
        b"\x89\x80" + bytes(4),
    )
    async with live() as gate:
        reader, writer = await handshaken(gate.port, token_of(a_user()))
        writer.write(begun + empty * 5000 + ping)
        async with asyncio.timeout(10):
            await reader.readuntil(b"\x8a\x00")  # the pong
        served = [one for one in gc.get_objects() if type(one) is WebSocketProtocol]
        assert [one.frames for one in served if one.frames] == [[b"{"]]
        writer.close()


async def test_messages_are_bounded_in_size_and_in_number() -> None:
    async with live() as gate:
        async with gate.socket(token_of(a_user())) as socket:
            await opened(socket)
            await socket.send("x" * 5000)
            assert (await closed(socket))[0] == 1009
        async with gate.socket(token_of(a_user())) as socket:
            await opened(socket)
            for _ in range(21):
                await socket.send('{"type":"ping"}')
            assert await closed(socket) == (1008, "too_many_messages")


async def test_a_client_that_does_not_read_is_told_where_to_resume_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(websocket_protocol, "LAST_WORDS_SECONDS", 2.0)
    user = a_user()
    async with live() as gate:
        reader, writer = await handshaken(gate.port, token_of(user))
        async with asyncio.timeout(20):
            while gate.realtime.hub.connections:
                await gate.happens(
                    *(job_event(user, "failed", error_code="e" * 8000) for _ in range(20))
                )
                await asyncio.sleep(0)
        unread = await reader.read()
        writer.close()
    frames = list(frames_in(unread))
    ids = [message["id"] for code, message in frames if code == 1 and "id" in message]
    code, reason = frames[-1][1]
    assert (code, reason) == (4408, f"resume from {ids[-1]}")


async def test_the_log_tells_how_long_a_connection_lasted() -> None:
    lines: list[bytes] = []
    log = AccessLog(lines.append)
    user = a_user()
    async with live(access_log=log) as gate:
        async with gate.socket(token_of(user), headers={"x-request-id": "visit-7"}) as socket:
            await opened(socket)
            await asyncio.sleep(0.05)
        await refused(gate, token="made.up.token")
    log.flush()
    ended, denied = map(msgspec.json.decode, b"".join(lines).splitlines())
    assert (ended["path"], ended["status"], ended["request_id"]) == ("/ws", 101, "visit-7")
    assert ended["user_id"] == str(user.id)
    assert ended["duration_ms"] >= 50
    assert ended["bytes"] > 0
    assert denied["status"] == 401


@pytest.mark.parametrize("cut", [0, 1, 7, 40])
async def test_a_client_that_does_not_wait_for_the_handshake_is_understood(cut: int) -> None:
    auth = msgspec.json.encode({"type": "auth", "token": token_of(a_user())})
    frame = b"\x81\xfe" + len(auth).to_bytes(2) + bytes(4) + auth  # masked with zeros
    async with live() as gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
        writer.write(handshake() + frame[: len(frame) - cut])
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame[len(frame) - cut :])
        async with asyncio.timeout(5):
            assert b'"type":"ready"' in await reader.readuntil(b"expires_at")
            assert b'"type":"snapshot"' in await reader.readuntil(b"complete")
        writer.close()


@given(st.binary(min_size=1, max_size=300))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_bytes_come_the_connection_ends_or_answers(data: bytes) -> None:
    asyncio.run(send_bytes(data))


async def send_bytes(data: bytes) -> None:
    """A client sends bytes, and leaves; the gateway serves on."""
    async with live() as gate:
        reader, writer = await handshaken(gate.port, token_of(a_user()))
        writer.write(data)
        writer.write_eof()
        async with asyncio.timeout(10):
            with suppress(ConnectionError):
                await reader.read()
        writer.close()
        async with asyncio.timeout(10):
            while gate.realtime.hub.connections:
                await asyncio.sleep(0.01)


def handshake(*lines: str) -> bytes:
    """A client's request for a WebSocket."""
    head = [
        "GET /ws HTTP/1.1", "host: gate", "upgrade: websocket", "connection: upgrade",
        "sec-websocket-version: 13", "sec-websocket-key: c2l4dGVlbiBieXRlcyAhIQ==", *lines, "", "",
    ]  # fmt: skip
    return "\r\n".join(head).encode()


async def handshaken(port: int, token: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that reads only what it asks for, with small buffers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(handshake(f"authorization: Bearer {token}"))
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def frames_in(data: bytes) -> Any:
    """The frames in what a server sent: decoded text, and code and reason of a close."""
    while data:
        code, length = data[0] & 0x0F, data[1]
        start = 2
        if length == 126:
            length, start = int.from_bytes(data[2:4]), 4
        elif length == 127:
            length, start = int.from_bytes(data[2:10]), 10
        payload, data = data[start : start + length], data[start + length :]
        if code == 8:
            yield code, (int.from_bytes(payload[:2]), payload[2:].decode())
        else:
            yield code, msgspec.json.decode(payload) if code == 1 else payload
