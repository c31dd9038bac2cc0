import httpx
import pytest

from shared.errors import Unauthenticated
from shared.security.keys import SigningKey, derive_key
from shared.security.principal import CallingService
from shared.security.service_tokens import ServiceAuth, ServiceTokens, ServiceTokenVerifier
from shared.security.tokens import TokenIssuer
from tests.support.clock import MovableClock
from tests.unit.security.support import SECRET, a_principal, a_verifier, signed

CLOCK = MovableClock()
NOW = int(CLOCK.now().timestamp())


def code_of(token: str, clock: MovableClock = CLOCK) -> str:
    with pytest.raises(Unauthenticated) as refused:
        ServiceTokenVerifier(SECRET, "content", clock).verify(token)
    return refused.value.code


async def test_the_callee_learns_who_calls() -> None:
    token = ServiceTokens(SECRET, "jobs", CLOCK).for_service("content")
    assert await a_verifier(CLOCK).service(token) == CallingService("jobs")


def test_a_token_for_another_service_is_refused() -> None:
    assert code_of(ServiceTokens(SECRET, "jobs", CLOCK).for_service("auth")) == "token_invalid"


def test_a_token_of_another_installation_is_refused() -> None:
    other = ServiceTokens("another secret of 32 characters or more", "jobs", CLOCK)
    assert code_of(other.for_service("content")) == "token_invalid"


def test_a_user_token_is_no_service_token() -> None:
    assert code_of(TokenIssuer(SigningKey.generate(), CLOCK).issue(a_principal())) == (
        "token_invalid"
    )


def test_a_forged_token_under_the_right_kid_is_refused() -> None:
    kid = ServiceTokenVerifier(SECRET, "content", CLOCK)._key.kid
    claims = {
        "iss": "madang-service", "aud": "content", "sub": "jobs",
        "iat": NOW, "exp": NOW + 60, "jti": "1",
    }  # fmt: skip
    assert code_of(signed(SigningKey.generate(), claims, kid=kid)) == "token_invalid"


def test_a_token_lives_60_seconds() -> None:
    clock = MovableClock()
    token = ServiceTokens(SECRET, "jobs", clock).for_service("content")
    clock.advance(59)
    assert ServiceTokenVerifier(SECRET, "content", clock).verify(token).name == "jobs"
    clock.advance(1)
    assert code_of(token, clock) == "token_expired"


def test_a_token_is_used_again_until_ten_seconds_before_it_expires() -> None:
    clock = MovableClock()
    tokens = ServiceTokens(SECRET, "jobs", clock)
    first = tokens.for_service("content")
    clock.advance(49)
    assert tokens.for_service("content") == first
    assert tokens.for_service("auth") != first
    clock.advance(1)
    assert tokens.for_service("content") != first


async def test_a_client_with_service_auth_sends_the_token() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200)

    auth = ServiceAuth(ServiceTokens(SECRET, "jobs", CLOCK), "content")
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), auth=auth) as client:
        await client.get("http://content/internal/videos")
    token = seen[0].removeprefix("Bearer ")
    assert await a_verifier(CLOCK).service(token) == CallingService("jobs")


def test_each_use_of_the_secret_has_a_key_of_its_own() -> None:
    keys = {derive_key(SECRET, use) for use in ("service-tokens", "cursors", "signing-keys")}
    assert len(keys) == 3
    assert all(len(key) == 32 for key in keys)
