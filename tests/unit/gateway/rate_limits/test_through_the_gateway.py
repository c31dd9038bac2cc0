"""Limits as a client of the gateway meets them."""

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.networks import Network
from gateway.pipeline import Gateway
from gateway.settings import DoorSettings
from shared.settings import load
from tests.support.clock import MovableClock
from tests.support.gateway import ORIGIN, TOKEN, everywhere, gateway
from tests.support.rate_limits import limiting
from tests.unit.gateway.client import client_of, echo

BEARER = {"authorization": f"Bearer {TOKEN}"}
LOGIN = "/api/auth/login"


def limited(
    clock: MovableClock | None = None,
    *,
    trusted_proxies: tuple[Network, ...] = (),
    **settings: object,
) -> Gateway:
    """A gateway with these limits, and with the defaults of the others."""
    limits = limiting(clock or MovableClock(), **settings).limits
    return gateway(
        everywhere(echo), own={"/health": echo}, limits=limits, trusted_proxies=trusted_proxies
    )


def behind(peer: str, app: ASGIApp) -> ASGIApp:
    """`app`, as it sees what comes from `peer`."""

    async def seen(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "client": (peer, 4711)}, receive, send)

    return seen


async def statuses(client: httpx.AsyncClient, count: int, **request: object) -> list[int]:
    given = {"method": "POST", "url": LOGIN, **request}
    return [(await client.request(**given)).status_code for _ in range(count)]  # type: ignore[arg-type]


async def test_every_counted_answer_tells_the_limit() -> None:
    async with client_of(limited()) as client:
        found = [await client.get("/api/videos", headers=BEARER) for _ in range(3)]
        found.append(await client.post(LOGIN))
    assert [one.headers["ratelimit-policy"].split(";")[0] for one in found] == [
        '"rest-address"',  # the token had yet to be verified
        '"rest-user"',
        '"rest-user"',
        '"login-address"',
    ]
    assert found[2].headers["ratelimit"] == '"rest-user";r=598;t=60'


async def test_a_scheme_in_small_letters_counts_for_the_same_user() -> None:
    async with client_of(limited()) as client:
        await client.get("/api/videos", headers=BEARER)
        small = await client.get("/api/videos", headers={"authorization": f"bearer {TOKEN}"})
    assert small.headers["ratelimit-policy"].startswith('"rest-user"')


async def test_a_refusal_is_a_problem_that_a_page_of_another_origin_can_read() -> None:
    async with client_of(limited(rate_limit_login_per_minute=2)) as client:
        assert await statuses(client, 2) == [200, 200]
        refused = await client.post(LOGIN, headers={"origin": ORIGIN})
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "rate_limited"
    assert refused.headers["retry-after"] == "30"
    assert refused.headers["ratelimit"] == '"login-address";r=0;t=30'
    assert refused.headers["ratelimit-policy"] == '"login-address";q=2;w=60'
    assert refused.headers["access-control-allow-origin"] == ORIGIN


async def test_who_waits_as_long_as_told_is_let_in() -> None:
    clock = MovableClock()
    async with client_of(limited(clock, rate_limit_login_per_minute=2)) as client:
        await statuses(client, 2)
        refused = await client.post(LOGIN)
        clock.advance(int(refused.headers["retry-after"]))
        assert await statuses(client, 2) == [200, 429]


async def test_tokens_that_are_not_good_are_counted_where_they_come_from() -> None:
    headers = {"authorization": "Bearer invented"}
    async with client_of(limited(rate_limit_rest_per_minute=6)) as client:
        found = await statuses(client, 5, method="GET", url="/api/videos", headers=headers)
    assert found == [401, 401, 401, 429, 429]


async def test_probes_and_preflights_are_never_refused() -> None:
    preflight = {"origin": ORIGIN, "access-control-request-method": "POST"}
    async with client_of(limited(rate_limit_rest_per_minute=1)) as client:
        assert set(await statuses(client, 20, method="GET", url="/health")) == {200}
        assert set(await statuses(client, 20, method="OPTIONS", headers=preflight)) == {200}


@pytest.mark.parametrize(("trusted", "shared"), [("10.0.0.0/8", False), ("192.0.2.0/24", True)])
async def test_clients_of_a_proxy_share_a_limit_unless_the_proxy_is_named(
    trusted: str, shared: bool
) -> None:
    named = load(DoorSettings, trusted_proxies=trusted).trusted_proxies
    app = limited(rate_limit_login_per_minute=1, trusted_proxies=named)
    found = []
    async with client_of(behind("10.0.0.1", app)) as client:
        for address in ("203.0.113.7", "203.0.113.8"):
            found += await statuses(client, 1, headers={"x-forwarded-for": address})
    assert found == [200, 429 if shared else 200]


async def test_an_address_that_a_client_invents_changes_nothing() -> None:
    async with client_of(limited(rate_limit_login_per_minute=1)) as client:
        found = [
            *await statuses(client, 1, headers={"x-forwarded-for": "203.0.113.7"}),
            *await statuses(client, 1, headers={"x-forwarded-for": "203.0.113.8"}),
        ]
    assert found == [200, 429]
