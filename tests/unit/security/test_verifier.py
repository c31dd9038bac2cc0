import pytest

from shared.clock import Clock
from shared.security import verifier as verifier_module
from shared.security.keys import SigningKey
from shared.security.revocations import Revocation, Revocations
from shared.security.service_tokens import ServiceTokenVerifier
from shared.security.tokens import ACCESS_TOKEN_LIFETIME, TokenIssuer, expiry_of
from shared.security.verifier import SessionRevoked, TokenVerifier
from tests.support.clock import MovableClock
from tests.unit.security.support import SECRET, KnownKeys, a_principal, a_verifier

KEY = SigningKey.generate()


def counting(clock: Clock) -> tuple[TokenVerifier, KnownKeys]:
    keys = KnownKeys(KEY)
    services = ServiceTokenVerifier(SECRET, "content", clock)
    return TokenVerifier(keys, Revocations(clock), services, clock), keys


async def test_a_token_tells_all_about_its_owner() -> None:
    clock = MovableClock()
    owner = a_principal(roles=("admin",), scopes=("videos:write",), guest=True)
    assert await a_verifier(clock, KEY).user(TokenIssuer(KEY, clock).issue(owner)) == owner


async def test_each_token_is_different_even_within_one_second() -> None:
    issuer, owner = TokenIssuer(KEY, MovableClock()), a_principal()
    assert issuer.issue(owner) != issuer.issue(owner)


async def test_a_token_verified_once_is_remembered() -> None:
    clock = MovableClock()
    verifier, keys = counting(clock)
    token = TokenIssuer(KEY, clock).issue(owner := a_principal())
    assert verifier.cached(token) is None
    await verifier.user(token)
    assert await verifier.user(token) == owner
    assert verifier.cached(token) == owner
    assert keys.asked == 1


async def test_a_remembered_token_is_forgotten_when_it_expires() -> None:
    clock = MovableClock()
    verifier, _ = counting(clock)
    token = TokenIssuer(KEY, clock).issue(a_principal())
    await verifier.user(token)
    clock.advance(899)
    assert verifier.cached(token)
    clock.advance(1)
    assert verifier.cached(token) is None


async def test_a_remembered_token_is_refused_at_once_when_its_session_ends() -> None:
    clock = MovableClock()
    revocations = Revocations(clock)
    verifier = a_verifier(clock, KEY, revocations=revocations)
    owner, other = a_principal(), a_principal()
    issuer = TokenIssuer(KEY, clock)
    token, others = issuer.issue(owner), issuer.issue(other)
    await verifier.user(token)
    await verifier.user(others)
    revocations.add(Revocation(owner.session_id, clock.now()))
    assert verifier.cached(token) is None
    with pytest.raises(SessionRevoked) as refused:
        await verifier.user(token)
    assert refused.value.code == "session_revoked"
    assert verifier.cached(others) == other


async def test_no_more_tokens_are_remembered_than_the_bound_and_the_oldest_go_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verifier_module, "MAX_CACHED", 2)
    clock = MovableClock()
    verifier, _ = counting(clock)
    first, second, third = (TokenIssuer(KEY, clock).issue(a_principal()) for _ in range(3))
    await verifier.user(first)
    await verifier.user(second)
    assert verifier.cached(first)  # used again, so the second is now the oldest
    await verifier.user(third)
    assert [bool(verifier.cached(one)) for one in (first, second, third)] == [True, False, True]


def test_when_a_token_ends_can_be_read_from_it() -> None:
    clock = MovableClock()
    token = TokenIssuer(KEY, clock).issue(a_principal())
    ends = clock.now() + ACCESS_TOKEN_LIFETIME
    assert expiry_of(token) == ends.timestamp()
