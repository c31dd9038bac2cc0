"""API keys at the gateway: who comes with one, and what of it goes further."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from gateway.api_keys import SECONDS_AFTER_A_FAILURE, SECONDS_REFUSED, ApiKeys
from shared.errors import Unavailable
from shared.security.api_keys import RANDOM_BYTES, ApiKeyInvalid, KeyExchange, Refusal, key_of
from shared.security.keys import SigningKey, VerificationKey
from shared.security.principal import Principal, SessionId, UserId
from shared.security.revocations import Revocation, Revocations
from shared.security.service_tokens import ServiceTokenVerifier
from shared.security.tokens import TokenIssuer
from shared.security.verifier import TokenVerifier
from tests.support.clock import MovableClock
from tests.support.gateway import CLOCK, KEY, TOKEN, everywhere, gateway
from tests.unit.gateway.client import client_of, echo

LIFETIME = timedelta(minutes=5)


def a_key() -> str:
    return key_of(secrets.token_bytes(RANDOM_BYTES))


@dataclass
class Keys:
    """Trusts one signing key, until it is withdrawn."""

    trusted: bool = True
    told: list[object] = field(default_factory=list)

    async def find(self, kid: str) -> VerificationKey | None:
        return KEY.verification if self.trusted and kid == KEY.kid else None

    def on_withdrawn(self, told: object) -> None:
        self.told.append(told)

    def withdraw(self) -> None:
        self.trusted = False
        for told in self.told:
            told(KEY.kid)  # type: ignore[operator]


@dataclass
class Auth:
    """Knows keys by their text, and counts how often it is asked."""

    clock: MovableClock
    revocations: Revocations
    principal: Principal
    signing: SigningKey = KEY
    key: str = field(default_factory=a_key)
    refusal: Refusal | None = None
    away: bool = False
    asked: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def exchange(self, key: str) -> KeyExchange:
        self.asked += 1
        if self.away:
            raise Unavailable
        if key != self.key:
            return KeyExchange(refusal=Refusal.UNKNOWN)
        if self.refusal is not None:
            return KeyExchange(refusal=self.refusal)
        now = self.clock.now()
        answer = TokenIssuer(self.signing, self.clock).issue(self.principal, LIFETIME)
        await self.may_answer.wait()
        return KeyExchange(answer, now + LIFETIME)

    def revoke(self) -> None:
        self.refusal = Refusal.REVOKED
        self.revocations.add(Revocation(self.principal.session_id, self.clock.now()))


@dataclass
class World:
    auth: Auth
    keys: Keys
    api_keys: ApiKeys
    clock: MovableClock


@pytest.fixture
def world() -> World:
    clock, keys = MovableClock(CLOCK.now()), Keys()
    revocations = Revocations(clock)
    services = ServiceTokenVerifier("s" * 32, "gateway", clock)
    verifier = TokenVerifier(keys, revocations, services, clock)
    principal = Principal(
        UserId(uuid4()), SessionId(uuid4()), scopes=("videos:read",), api_key=True
    )
    auth = Auth(clock, revocations, principal)
    auth.may_answer.set()
    return World(auth, keys, ApiKeys(auth.exchange, verifier, clock), clock)


async def reason_of(world: World, key: str) -> str:
    with pytest.raises(ApiKeyInvalid) as refused:
        await world.api_keys.holder(key)
    return str(refused.value.members["reason"])


# ---- who holds a key


async def test_a_key_is_exchanged_once_while_its_token_lives(world: World) -> None:
    auth = world.auth
    assert world.api_keys.known(auth.key) is None
    holder = await world.api_keys.holder(auth.key)
    assert (holder.id, holder.scopes) == (auth.principal.id, ("videos:read",))
    world.clock.advance(269)
    assert world.api_keys.known(auth.key) == holder
    assert auth.asked == 1
    world.clock.advance(1)  # half a minute before its token ends
    assert world.api_keys.known(auth.key) is None
    renewed = await world.api_keys.holder(auth.key)
    assert (renewed.token != holder.token, auth.asked) == (True, 2)


async def test_many_at_once_with_a_new_key_ask_once(world: World) -> None:
    holders = await asyncio.gather(*(world.api_keys.holder(world.auth.key) for _ in range(50)))
    assert len({one.token for one in holders}) == 1
    assert world.auth.asked == 1


async def test_who_asks_first_and_leaves_takes_nobody_along(world: World) -> None:
    world.auth.may_answer.clear()
    first = asyncio.ensure_future(world.api_keys.holder(world.auth.key))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(world.api_keys.holder(world.auth.key))
    await asyncio.sleep(0)
    first.cancel()
    world.auth.may_answer.set()
    assert (await second).id == world.auth.principal.id


async def test_a_mistyped_key_costs_auth_nothing(world: World) -> None:
    assert await reason_of(world, world.auth.key[:-1] + "_") == "malformed"
    assert await reason_of(world, "mdg_") == "malformed"
    assert world.auth.asked == 0


async def test_a_refusal_is_repeated_for_seconds_without_asking(world: World) -> None:
    unknown = a_key()
    for _ in range(5):
        assert await reason_of(world, unknown) == "unknown"
    assert world.auth.asked == 1
    world.clock.advance(SECONDS_REFUSED)
    assert await reason_of(world, unknown) == "unknown"
    assert world.auth.asked == 2


async def test_a_flood_of_invented_keys_forgets_no_good_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = await world.api_keys.holder(world.auth.key)
    monkeypatch.setattr(world.api_keys._refused, "_most", 10)
    for _ in range(50):
        await reason_of(world, a_key())
    assert len(world.api_keys._refused) == 10
    assert world.api_keys.known(world.auth.key) == holder


async def test_the_good_keys_that_are_remembered_are_bounded(world: World) -> None:
    world.api_keys._accepted._most = 3
    for _ in range(5):
        world.auth.key = a_key()
        await world.api_keys.holder(world.auth.key)
    assert len(world.api_keys._accepted) == 3
    assert world.api_keys.known(world.auth.key) is not None


@pytest.mark.parametrize("refusal", list(Refusal))
async def test_a_refusal_says_why(world: World, refusal: Refusal) -> None:
    world.auth.refusal = refusal
    assert await reason_of(world, world.auth.key) == refusal


async def test_a_revoked_key_is_refused_from_the_moment_it_is_heard(world: World) -> None:
    await world.api_keys.holder(world.auth.key)
    world.auth.revoke()
    assert world.api_keys.known(world.auth.key) is None
    assert await reason_of(world, world.auth.key) == "revoked"


async def test_an_answer_that_comes_after_the_revocation_is_not_taken(world: World) -> None:
    world.auth.may_answer.clear()
    asking = asyncio.ensure_future(world.api_keys.holder(world.auth.key))
    await asyncio.sleep(0)
    world.auth.revoke()  # auth has made its token, and the news overtakes it
    world.auth.may_answer.set()
    with pytest.raises(ApiKeyInvalid) as refused:
        await asking
    assert refused.value.members["reason"] == "revoked"
    assert world.api_keys.known(world.auth.key) is None


async def test_a_withdrawn_signing_key_makes_every_key_exchanged_anew(world: World) -> None:
    await world.api_keys.holder(world.auth.key)
    world.keys.withdraw()
    assert world.api_keys.known(world.auth.key) is None
    world.keys.trusted = True
    await world.api_keys.holder(world.auth.key)
    assert world.auth.asked == 2


async def test_while_auth_is_away_it_is_asked_once_a_second(world: World) -> None:
    world.auth.away = True
    for _ in range(5):
        with pytest.raises(Unavailable):
            await world.api_keys.holder(world.auth.key)
    assert world.auth.asked == 1
    world.auth.away = False
    world.clock.advance(SECONDS_AFTER_A_FAILURE)
    await world.api_keys.holder(world.auth.key)


async def test_keys_themselves_are_not_kept(world: World) -> None:
    await world.api_keys.holder(world.auth.key)
    await reason_of(world, other := a_key())
    kept = repr([world.api_keys._accepted, world.api_keys._refused])
    assert world.auth.key not in kept
    assert other not in kept


# ---- requests


@asynccontextmanager
async def door(auth: Auth) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway in front of an echo."""
    async with client_of(gateway(everywhere(echo), exchange=auth.exchange)) as client:
        yield client


@pytest.mark.parametrize("header", ["x-api-key", "X-API-Key", "authorization"])
async def test_the_services_see_an_access_token_and_no_key(world: World, header: str) -> None:
    scheme = "Bearer " if header == "authorization" else ""
    async with door(world.auth) as client:
        for _ in range(2):  # exchanged, then known
            answer = await client.get("/api/videos", headers={header: scheme + world.auth.key})
            assert answer.status_code == 200, answer.text
            seen = answer.json()["headers"]
            assert "x-api-key" not in seen
            assert seen["authorization"].startswith("Bearer eyJ")
            assert world.auth.key not in answer.text
    assert world.auth.asked == 1


@pytest.mark.parametrize("key", ["", "mdg_", "x", "eyJhbGciOi.e30.x", "\xff"])
async def test_what_is_no_key_is_refused(world: World, key: str) -> None:
    async with door(world.auth) as client:
        headers = {b"x-api-key": key.encode("latin-1")}
        answer = await client.get("/api/videos", headers=headers)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (401, "api_key_invalid")
    assert problem["reason"] == "malformed"
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_key_and_a_token_together_are_refused(world: World) -> None:
    headers = {"x-api-key": world.auth.key, "authorization": f"Bearer {TOKEN}"}
    async with door(world.auth) as client:
        answer = await client.get("/api/videos", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


async def test_two_keys_are_refused(world: World) -> None:
    headers = [("x-api-key", world.auth.key), ("x-api-key", a_key())]
    async with door(world.auth) as client:
        assert (await client.get("/api/videos", headers=headers)).status_code == 400


async def test_where_no_token_is_looked_at_no_key_is_either(world: World) -> None:
    async with door(world.auth) as client:
        answer = await client.post("/api/auth/login", headers={"x-api-key": "anything"})
    assert answer.status_code == 200
    assert "x-api-key" not in answer.json()["headers"]


async def test_a_public_read_with_a_bad_key_is_refused_and_with_a_good_one_its_owners(
    world: World,
) -> None:
    async with door(world.auth) as client:
        await client.get("/api/posts")  # what everybody is answered is remembered
        refused = await client.get("/api/posts", headers={"x-api-key": a_key()})
        good = await client.get("/api/posts", headers={"x-api-key": world.auth.key})
    assert refused.status_code == 401
    assert good.json()["headers"]["authorization"].startswith("Bearer eyJ")
