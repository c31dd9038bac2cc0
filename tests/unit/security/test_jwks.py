"""The real HTTP client against a small auth service that can be taken away."""

import asyncio

import httpx
import msgspec
import pytest

from shared.errors import Unavailable
from shared.security.jwks import Jwk, Jwks, KeySet, from_jwk, to_jwk
from shared.security.keys import SigningKey, thumbprint
from tests.support.clock import MovableClock


class Auth:
    """Publishes `keys`; answers `broken` instead when it is set."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = [to_jwk(key.verification) for key in keys]
        self.away = False
        self.broken: bytes | None = None
        self.requests = 0

    def client(self) -> httpx.AsyncClient:
        transport = httpx.MockTransport(self._answer)
        return httpx.AsyncClient(transport=transport, base_url="http://auth")

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        await asyncio.sleep(0)
        if self.away:
            raise httpx.ConnectError("refused", request=request)
        assert request.url.path == "/.well-known/jwks.json"
        body = self.broken or msgspec.json.encode(Jwks(tuple(self.keys)))
        return httpx.Response(200, content=body)


KEY, NEXT_KEY = SigningKey.generate(), SigningKey.generate()


def test_a_key_survives_publication() -> None:
    found = from_jwk(to_jwk(KEY.verification))
    assert found is not None
    assert found.kid == KEY.kid
    assert found.public.public_bytes_raw() == KEY.verification.public.public_bytes_raw()


def test_the_kid_is_the_thumbprint_of_the_example_in_rfc_8037() -> None:
    # RFC 8037, appendix A.3
    jwk = Jwk(kty="OKP", crv="Ed25519", kid="x", x="11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    key = from_jwk(jwk)
    assert key is not None
    assert thumbprint(key.public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


async def test_a_known_key_costs_one_request_however_often_it_is_asked_for() -> None:
    auth = Auth(KEY)
    keys = KeySet(auth.client(), MovableClock())
    for _ in range(5):
        assert await keys.find(KEY.kid)
    assert auth.requests == 1


async def test_many_who_miss_the_same_key_at_once_make_one_request() -> None:
    auth = Auth(KEY)
    keys = KeySet(auth.client(), MovableClock())
    found = await asyncio.gather(*(keys.find(KEY.kid) for _ in range(50)))
    assert all(found)
    assert auth.requests == 1


async def test_a_new_key_is_found_without_a_restart() -> None:
    auth, clock = Auth(KEY), MovableClock()
    keys = KeySet(auth.client(), clock)
    await keys.find(KEY.kid)
    auth.keys.append(to_jwk(NEXT_KEY.verification))
    clock.advance(11)
    assert await keys.find(NEXT_KEY.kid)
    assert await keys.find(KEY.kid)


async def test_a_flood_of_invented_kids_makes_one_request_in_ten_seconds() -> None:
    auth, clock = Auth(KEY), MovableClock()
    keys = KeySet(auth.client(), clock)
    for number in range(100):
        assert await keys.find(f"invented-{number}") is None
    assert auth.requests == 1
    clock.advance(10)
    await keys.find("one more")
    assert auth.requests == 2


async def test_known_keys_stay_good_while_auth_is_away() -> None:
    auth, clock = Auth(KEY), MovableClock()
    keys = KeySet(auth.client(), clock)
    await keys.find(KEY.kid)
    auth.away = True
    clock.advance(3600)
    await keys.refresh()
    assert await keys.find(KEY.kid)


async def test_an_unknown_key_while_auth_is_away_is_no_fault_of_the_caller() -> None:
    auth, clock = Auth(KEY), MovableClock()
    auth.away = True
    keys = KeySet(auth.client(), clock)
    with pytest.raises(Unavailable) as refused:
        await keys.find(KEY.kid)
    assert refused.value.code == "keys_unavailable"
    auth.away = False
    clock.advance(1)
    assert await keys.find(KEY.kid)


async def test_a_withdrawn_key_is_forgotten_at_the_next_refresh() -> None:
    auth, clock = Auth(KEY, NEXT_KEY), MovableClock()
    keys = KeySet(auth.client(), clock)
    await keys.find(KEY.kid)
    del auth.keys[0]
    await keys.refresh()
    assert await keys.find(KEY.kid) is None
    assert await keys.find(NEXT_KEY.kid)


async def test_keys_of_other_kinds_are_passed_over() -> None:
    auth = Auth(KEY)
    auth.keys[:0] = [
        Jwk(kty="RSA", kid="rsa"),
        Jwk(kty="OKP", kid="x25519", crv="X25519", x="AAAA"),
        msgspec.structs.replace(to_jwk(NEXT_KEY.verification), use="enc"),
    ]
    keys = KeySet(auth.client(), MovableClock())
    assert await keys.find(KEY.kid)
    assert await keys.find("rsa") is None
    assert await keys.find(NEXT_KEY.kid) is None


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"{}",
        b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "AAAA"}]}',
        b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "!"}]}',
    ],
)
async def test_a_broken_answer_keeps_the_old_keys(body: bytes) -> None:
    auth = Auth(KEY)
    keys = KeySet(auth.client(), MovableClock())
    await keys.find(KEY.kid)
    auth.broken = body
    await keys.refresh()
    assert await keys.find(KEY.kid)


async def test_who_relies_on_a_key_is_told_when_it_is_withdrawn() -> None:
    auth = Auth(KEY, NEXT_KEY)
    withdrawn: list[str] = []
    keys = KeySet(auth.client(), MovableClock())
    keys.on_withdrawn(withdrawn.append)
    await keys.refresh()
    auth.away = True
    await keys.refresh()  # that auth is away withdraws nothing
    assert withdrawn == []
    auth.away = False
    auth.keys = [to_jwk(NEXT_KEY.verification)]
    await keys.refresh()
    assert withdrawn == [KEY.kid]
