"""What limits do while Redis is away: no request fails, none waits, and it is found again."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, ip_network
from itertools import count
from time import monotonic

import httpx
import pytest
from structlog.testing import capture_logs

from gateway.rate_limits.building import RateLimiting
from gateway.rate_limits.policy import RateLimited
from gateway.rate_limits.redis_link import RedisAway, RedisLink
from gateway.routes import RouteClass
from shared.clock import SystemClock
from tests.integration.gateway.support import serving
from tests.support.gateway import everywhere, gateway
from tests.support.messaging import running
from tests.support.rate_limits import Run, limiting, someone, until_down, until_up
from tests.support.redis import Redis
from tests.unit.gateway.client import echo

CLOCK = SystemClock()
NOT_WAITED_FOR_SECONDS = 2.0
"""Far below any wait for Redis to return, and far above 100 ms, for a busy machine's sake."""


async def exhausted(made: RateLimiting, address: str) -> int:
    """Log in until refused; how often it was allowed."""
    allowed = 0
    while True:
        try:
            if made.limits.check(RouteClass.LOGIN, None, address) is None:
                await made.limits.ask(RouteClass.LOGIN, None, address)
        except RateLimited:
            return allowed
        allowed += 1


@asynccontextmanager
async def gateway_limits(url: str) -> AsyncIterator[tuple[RateLimiting, RedisLink]]:
    """The limits as the gateway builds and runs them."""
    made = limiting(CLOCK, redis_url=url, rate_limit_login_per_minute=10)
    assert made.redis is not None
    async with running(*map(Run, made.components)):
        yield made, made.redis


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_while_redis_is_away_no_request_fails_or_waits_and_then_limits_are_shared_again(
    own_redis: Redis, how: str
) -> None:
    async with gateway_limits(own_redis.url) as (made, link):
        assert await exhausted(made, "192.0.2.1") == 10
        getattr(own_redis, how)()
        try:
            before = monotonic()
            assert await made.limits.ask(RouteClass.LOGIN, None, "192.0.2.2")
            assert monotonic() - before < NOT_WAITED_FOR_SECONDS
            headers = made.limits.check(RouteClass.LOGIN, None, "192.0.2.2")
            assert headers is not None, "answered at once, from memory"
            with pytest.raises(RedisAway):
                await link.ping()
        finally:
            own_redis.start() if how == "kill" else own_redis.thaw()
        await until_up(link)
        assert made.limits.check(RouteClass.LOGIN, None, "192.0.2.3") is None, "Redis is asked"
        await link.ping()


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_requests_in_mid_question_when_redis_goes_are_all_answered(
    own_redis: Redis, how: str
) -> None:
    async with gateway_limits(own_redis.url) as (made, link):
        own_redis.freeze()
        asking = [
            asyncio.ensure_future(made.limits.ask(RouteClass.REST, someone(), ""))
            for _ in range(200)
        ]
        await asyncio.sleep(0.01)
        if how == "kill":
            own_redis.kill()
        try:
            before = monotonic()
            for headers in await asyncio.gather(*asking):
                assert dict(headers)[b"ratelimit"].startswith(b'"rest-user";r=599')
            assert monotonic() - before < NOT_WAITED_FOR_SECONDS
        finally:
            own_redis.start() if how == "kill" else own_redis.thaw()
        await until_up(link)


async def test_under_load_nobody_notices_that_redis_comes_and_goes(own_redis: Redis) -> None:
    made = limiting(CLOCK, redis_url=own_redis.url)
    proxies = (ip_network("127.0.0.0/8"),)
    app = gateway(everywhere(echo), limits=made.limits, trusted_proxies=proxies)
    numbers = count()
    statuses: list[int] = []
    is_over = asyncio.Event()

    async def log_in_from_everywhere(client: httpx.AsyncClient) -> None:
        while not is_over.is_set():
            address = IPv4Address("10.0.0.0") + next(numbers)  # each has a bucket to ask Redis for
            answer = await client.post("/api/auth/login", headers={"x-forwarded-for": str(address)})
            statuses.append(answer.status_code)

    async with (
        running(*map(Run, made.components)),
        serving(app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        asyncio.TaskGroup() as clients,
    ):
        for _ in range(4):
            clients.create_task(log_in_from_everywhere(client))
        for away, back in ((own_redis.kill, own_redis.start), (own_redis.freeze, own_redis.thaw)):
            await asyncio.sleep(0.2)
            away()
            await asyncio.sleep(0.2)
            back()
        await asyncio.sleep(0.2)
        is_over.set()
    assert len(statuses) > 20
    assert set(statuses) == {200}


async def test_a_redis_that_was_emptied_is_taught_its_script_again(own_redis: Redis) -> None:
    async with gateway_limits(own_redis.url) as (made, link):
        await link.call("SCRIPT", "FLUSH")
        await made.limits.ask(RouteClass.LOGIN, None, "192.0.2.4")
        await until_down(link)  # and so that was counted in memory
        await until_up(link)
        assert await exhausted(made, "192.0.2.5") == 10
        await link.ping()


async def test_a_process_starts_without_redis_and_finds_it_later(own_redis: Redis) -> None:
    own_redis.kill()
    try:
        async with gateway_limits(own_redis.url) as (made, link):
            assert await exhausted(made, "192.0.2.6") == 10
            own_redis.start()
            await until_up(link)
            assert await exhausted(made, "192.0.2.6") == 10, "Redis knows nothing of those"
    finally:
        own_redis.kill()
        own_redis.start()


async def test_a_link_that_ends_fails_what_it_has_not_carried(own_redis: Redis) -> None:
    async with gateway_limits(own_redis.url) as (made, link):
        own_redis.freeze()
        asking = asyncio.ensure_future(made.limits.ask(RouteClass.LOGIN, None, "192.0.2.7"))
        await asyncio.sleep(0.01)
    try:
        assert await asking, "counted in memory"
        assert not link.is_up
    finally:
        own_redis.thaw()


class Listener:
    """A port that counts who connects, and says nothing."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.setblocking(False)
        self.url = f"redis://127.0.0.1:{self._server.getsockname()[1]}/0"

    def accepted(self) -> int:
        """How many have connected since the last time."""
        number = 0
        while True:
            try:
                connection, _ = self._server.accept()
            except BlockingIOError:
                return number
            connection.close()
            number += 1

    def close(self) -> None:
        self._server.close()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    made = Listener()
    yield made
    made.close()


async def test_offline_mode_never_opens_a_connection(listener: Listener) -> None:
    made = limiting(CLOCK, redis_url=listener.url, offline_mode=True)
    assert made.redis is None
    async with running(*map(Run, made.components)):
        assert await exhausted(made, "192.0.2.8") == 10
        await asyncio.sleep(0.05)
    assert listener.accepted() == 0


async def test_something_that_is_no_redis_is_tried_and_waited_for_by_no_request(
    listener: Listener,
) -> None:
    made = limiting(CLOCK, redis_url=listener.url)
    assert made.redis is not None
    async with running(*map(Run, made.components)):
        await until_down(made.redis)
        headers = made.limits.check(RouteClass.LOGIN, None, "192.0.2.9")
    assert headers is not None
    assert listener.accepted() > 0


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$many\r\n", b"*\r\n", b"\xff\r\n" * 9]
)
async def test_something_else_at_the_address_of_redis_ends_no_process(said: bytes) -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with gateway_limits(f"redis://127.0.0.1:{port}/0") as (made, link):
            assert not link.is_up
            assert await exhausted(made, "192.0.2.10") == 10


async def test_a_wrong_password_is_told_and_waited_for_by_no_request(own_redis: Redis) -> None:
    url = own_redis.url.replace("redis://", "redis://nobody:wrong@")
    with capture_logs() as logs:
        async with gateway_limits(url) as (made, link):
            assert not link.is_up
            assert await exhausted(made, "192.0.2.11") == 10
    (told,) = [one for one in logs if one["event"] == "redis_away"]
    assert "AuthenticationError" in told["error"]
    assert "wrong" not in told["error"]
