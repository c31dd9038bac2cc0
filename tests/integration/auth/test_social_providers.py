"""The providers that everybody knows, in the shapes in which they answer."""

from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.responses import JSONResponse

from auth_service.social import named
from auth_service.social.oauth import Addresses
from tests.integration.auth.conftest import Auth, StartAuth
from tests.integration.auth.social import Visitor, query, settings
from tests.support.local_provider import CLIENT_ID, LocalProvider, local_provider

_APPLE_KEY = ec.generate_private_key(ec.SECP256R1())
_PEM = _APPLE_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[LocalProvider]:
    async with local_provider() as found:
        yield found


@pytest.fixture
def provider(running: LocalProvider) -> LocalProvider:
    running.reset()
    return running


@pytest.fixture
async def auth(
    start_auth: StartAuth, provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Auth]:
    """Every provider is set up, and all of them are the one on this machine."""
    here = Addresses(f"{provider.issuer}/authorize", f"{provider.issuer}/token", provider.issuer)
    monkeypatch.setattr(named, "ISSUERS", dict.fromkeys(named.ISSUERS, provider.issuer))
    monkeypatch.setattr(named, "ADDRESSES", dict.fromkeys(named.ADDRESSES, here))
    given: dict[str, object] = {
        "apple_client_id": CLIENT_ID,
        "apple_team_id": "TEAM123456",
        "apple_key_id": "KEY1234567",
        "apple_private_key": _PEM.replace("\n", "\\n"),
    }
    for name in ("google", "github", "kakao", "naver"):
        given |= {f"{name}_client_id": CLIENT_ID, f"{name}_client_secret": "secret"}
    async with start_auth(**settings(**given)) as started:
        provider.clock = started.clock
        yield started


@pytest.fixture
def visitor(auth: Auth) -> Visitor:
    return Visitor(auth)


async def test_all_of_them_are_listed(auth: Auth) -> None:
    items = (await auth.http.get("/api/social")).json()["items"]
    assert [one["label"] for one in items] == ["Google", "Apple", "Kakao", "Naver", "GitHub"]


async def test_google(visitor: Visitor, provider: LocalProvider) -> None:
    provider.claims = {
        "sub": "110169484474386276334", "azp": CLIENT_ID, "email": "g@example.com",
        "email_verified": True, "name": "Gil Dong", "picture": "https://example.com/g.png",
    }  # fmt: skip
    user = (await visitor.log_in("google"))["user"]
    assert (user["email"], user["display_name"]) == ("g@example.com", "Gil Dong")


async def test_apple_answers_by_a_form_with_the_name_at_the_first_time_alone(
    visitor: Visitor, provider: LocalProvider
) -> None:
    provider.discovery = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    provider.claims = {
        "sub": "001234.abc.0123", "email": "r4nd0m@privaterelay.appleid.com",
        "email_verified": "true", "is_private_email": "true",
    }  # fmt: skip
    provider.answers_with = {"user": '{"name":{"firstName":"Ara","lastName":"Kim"}}'}
    url = await visitor.away("apple")
    assert query(url)["response_mode"] == "form_post"
    assert query(url)["scope"] == "openid name email"
    user = (await visitor.log_in("apple"))["user"]
    assert user["display_name"] == "Ara Kim"
    assert user["email"] == "r4nd0m@privaterelay.appleid.com"
    assert user["email_verified"] is True
    provider.answers_with = {}
    assert (await visitor.log_in("apple"))["user"]["id"] == user["id"]


async def test_apple_s_client_secret_is_signed_with_the_team_s_key(
    visitor: Visitor, provider: LocalProvider
) -> None:
    provider.discovery = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    await visitor.told("apple")
    secret = provider.token_requests[0]["client_secret"]
    assert jwt.get_unverified_header(secret) == {
        "alg": "ES256", "kid": "KEY1234567", "typ": "JWT",
    }  # fmt: skip
    claims = jwt.decode(
        secret, _APPLE_KEY.public_key(), ["ES256"], audience=provider.issuer, issuer="TEAM123456"
    )
    assert claims["sub"] == CLIENT_ID
    assert claims["exp"] - claims["iat"] == 300


@pytest.mark.parametrize("user", ["no json", '{"name": 5}', "[" * 5000, "\x00"])
async def test_a_name_that_cannot_be_read_keeps_nobody_out(
    visitor: Visitor, provider: LocalProvider, user: str
) -> None:
    provider.answers_with = {"user": user}
    assert (await visitor.log_in("apple"))["user"]["display_name"] == ""


GITHUB_USER = {"id": 583231, "login": "octo-cat", "name": None, "email": None}
GITHUB_EMAILS = [
    {"email": "old@example.com", "primary": False, "verified": True, "visibility": None},
    {"email": "octo@example.com", "primary": True, "verified": True, "visibility": "public"},
]


async def test_github_tells_addresses_apart_from_the_user(
    visitor: Visitor, provider: LocalProvider
) -> None:
    provider.answers = {"/user": GITHUB_USER, "/user/emails": GITHUB_EMAILS}
    url = await visitor.away("github")
    assert query(url)["scope"] == "read:user user:email"
    assert "nonce" not in query(url)
    user = (await visitor.log_in("github"))["user"]
    assert (user["email"], user["email_verified"]) == ("octo@example.com", True)
    assert user["user_handle"] == "octo-cat"


async def test_an_address_that_github_has_not_verified_is_not_taken(
    visitor: Visitor, provider: LocalProvider
) -> None:
    emails = [{"email": "who@example.com", "primary": True, "verified": False}]
    provider.answers = {"/user": {**GITHUB_USER, "id": 2}, "/user/emails": emails}
    assert (await visitor.log_in("github"))["user"]["email"] is None


def kakao(user: int, **account: Any) -> dict[str, Any]:
    return {
        "id": user,
        "connected_at": "2026-03-01T00:00:00Z",
        "kakao_account": {
            "profile_nickname_needs_agreement": False,
            "profile": {"nickname": "카카오 친구"},
            "has_email": True,
            "email_needs_agreement": False,
            **account,
        },
    }


@pytest.mark.parametrize(
    ("valid", "verified", "email"),
    [(True, True, "k1@example.com"), (False, True, None), (True, False, None)],
)
async def test_kakao_s_address_counts_when_it_is_valid_and_verified(
    visitor: Visitor, provider: LocalProvider, valid: bool, verified: bool, email: str | None
) -> None:
    answer = kakao(
        int(f"9{valid:d}{verified:d}"),
        email="k1@example.com",
        is_email_valid=valid,
        is_email_verified=verified,
    )
    provider.answers = {"/v2/user/me": answer}
    user = (await visitor.log_in("kakao"))["user"]
    assert user["email"] == email
    assert user["display_name"] == "카카오 친구"


async def test_kakao_without_consent_to_anything_works(
    visitor: Visitor, provider: LocalProvider
) -> None:
    provider.answers = {"/v2/user/me": {"id": 7, "kakao_account": {}}}
    assert (await visitor.log_in("kakao"))["user"]["email"] is None


@pytest.mark.parametrize(
    ("address", "taken"), [("gildong@naver.com", True), ("gildong@example.com", False)]
)
async def test_naver_vouches_for_its_own_mailboxes(
    visitor: Visitor, provider: LocalProvider, address: str, taken: bool
) -> None:
    response = {"id": f"id-{address}", "email": address, "nickname": "길동", "name": "홍길동"}
    provider.answers = {
        "/v1/nid/me": {"resultcode": "00", "message": "success", "response": response}
    }
    user = (await visitor.log_in("naver"))["user"]
    assert user["email"] == (address if taken else None)
    assert user["display_name"] == "길동"
    assert "state" in provider.token_requests[0]


async def test_an_answer_in_another_shape_is_refused(
    visitor: Visitor, provider: LocalProvider
) -> None:
    provider.answers = {"/v1/nid/me": {"resultcode": "024", "message": "no"}}
    assert (await visitor.told("naver"))["error"] == "provider_unavailable"
    provider.answers = {"/v1/nid/me": {"response": {"id": ""}}}
    assert (await visitor.told("naver"))["error"] == "provider_answer_refused"


async def test_a_code_that_is_refused_with_status_200_is_refused(
    visitor: Visitor, provider: LocalProvider
) -> None:
    async def as_github_does() -> JSONResponse:
        return JSONResponse({"error": "bad_verification_code"})

    url = await visitor.away("github")
    provider.ill = as_github_does
    back = await visitor.at_provider(url)
    assert "error=provider_answer_refused" in back.headers["location"]
