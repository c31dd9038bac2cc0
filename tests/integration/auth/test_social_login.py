"""Logging in with an account elsewhere, at providers on this machine."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import text
from starlette.responses import RedirectResponse, Response

from auth_service.social import provider_client
from shared.security.keys import encode_base64url
from tests.integration.auth.conftest import Auth, StartAuth
from tests.integration.auth.letters import letters_to
from tests.integration.auth.social import Visitor, entry, fragment, get, query, settings
from tests.support import local_provider as local
from tests.support.local_provider import CLIENT_ID, LocalProvider
from tests.support.loopback import free_port


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[LocalProvider]:
    async with local.local_provider() as found:
        yield found


@pytest.fixture
def provider(running: LocalProvider) -> LocalProvider:
    running.reset()
    return running


@pytest.fixture
async def auth(start_auth: StartAuth, provider: LocalProvider) -> AsyncIterator[Auth]:
    entries = (
        entry(provider),
        entry(provider, "unsure", trust_email=False),
        entry(provider, "by-form", response_mode="form_post"),
    )
    async with start_auth(**settings(*entries)) as started:
        provider.clock = started.clock
        yield started


@pytest.fixture
def visitor(auth: Auth) -> Visitor:
    return Visitor(auth)


def code_of(answer: httpx.Response) -> str:
    found: str = answer.json()["code"]
    return found


async def verified_user(auth: Auth, email: str) -> dict[str, Any]:
    """A user who has shown that the address is theirs."""
    user = await auth.register(email=email)
    await auth.database.run(
        text("UPDATE users SET email_verified_at = now() WHERE id = :id"), {"id": user["id"]}
    )
    return user


async def audited(auth: Auth, user: str) -> list[str]:
    rows = await auth.database.all(
        text("SELECT action FROM audit WHERE subject_id = :user ORDER BY id"), {"user": user}
    )
    return [row.action for row in rows]


async def test_providers_are_listed_with_where_to_begin(auth: Auth) -> None:
    items = (await auth.http.get("/api/social")).json()["items"]
    assert [one["name"] for one in items] == ["local", "unsure", "by-form"]
    assert items[2] == {
        "name": "by-form",
        "label": "By Form",
        "start_url": "http://127.0.0.1:8000/api/social/by-form/start",
    }


async def test_the_first_login_makes_an_account(
    visitor: Visitor, auth: Auth, provider: LocalProvider
) -> None:
    provider.claims |= {"sub": "first", "email": "first@example.com", "name": " First  One\n"}
    user = (await visitor.log_in())["user"]
    assert user["email"] == "first@example.com"
    assert user["email_verified"] is True
    assert user["display_name"] == "First One"
    assert user["user_handle"].startswith("first")
    assert len(await auth.announced("auth.user.registered", user["id"])) == 1
    assert await audited(auth, user["id"]) == ["account.registered", "session.started"]


async def test_the_second_login_finds_the_account_again(
    visitor: Visitor, auth: Auth, provider: LocalProvider
) -> None:
    provider.claims |= {"sub": "again", "email": "again@example.com"}
    first = await visitor.log_in()
    provider.claims |= {"email": "moved@example.com"}  # only the subject counts
    second = await Visitor(auth).log_in()
    assert second["user"]["id"] == first["user"]["id"]
    assert (await auth.me(second["access_token"])).json()["email"] == "again@example.com"


async def test_one_id_at_two_providers_is_two_people(auth: Auth, provider: LocalProvider) -> None:
    provider.claims |= {"sub": "same-id", "email": "same-id@example.com"}
    first = await Visitor(auth).log_in()
    provider.claims |= {"email": "another-same-id@example.com"}
    assert (await Visitor(auth).log_in("unsure"))["user"]["id"] != first["user"]["id"]
    assert (await Visitor(auth).log_in())["user"]["id"] == first["user"]["id"]


async def test_the_handle_is_numbered_when_somebody_has_it(
    auth: Auth, provider: LocalProvider
) -> None:
    await auth.register(user_handle="hana.k")
    provider.claims |= {"sub": "hana", "email": "h@example.com", "preferred_username": "Hana.K"}
    assert (await Visitor(auth).log_in())["user"]["user_handle"] == "hana.k2"


async def test_an_account_without_an_address_works(
    visitor: Visitor, provider: LocalProvider
) -> None:
    provider.claims = {"sub": "nobody-knows"}
    user = (await visitor.log_in())["user"]
    assert user["email"] is None
    assert user["user_handle"].startswith("member")


async def test_an_address_that_the_provider_has_not_verified_is_not_taken(
    visitor: Visitor, provider: LocalProvider
) -> None:
    provider.claims |= {"sub": "unsure", "email": "x@example.com", "email_verified": False}
    assert (await visitor.log_in())["user"]["email"] is None


@pytest.mark.parametrize("email", ["no address", "x\u0000@example.com", "x" * 300 + "@example.com"])
async def test_what_is_no_address_is_not_taken(
    visitor: Visitor, auth: Auth, provider: LocalProvider, email: str
) -> None:
    odd = {"email": email, "name": "\u0000", "preferred_username": "\u0000\ud7ff"}
    provider.claims |= {"sub": f"odd-{len(email)}", **odd}
    assert (await visitor.log_in())["user"]["email"] is None
    provider.claims |= {"sub": f"odd-link-{len(email)}"}
    linked = await visitor.link((await auth.session())["access_token"])
    assert linked.json()["email"] is None


async def test_an_address_of_a_provider_that_is_not_trusted_is_not_taken(
    visitor: Visitor, provider: LocalProvider
) -> None:
    provider.claims |= {"sub": "untrusted", "email": "untrusted@example.com"}
    assert (await visitor.log_in("unsure"))["user"]["email"] is None


async def test_an_account_with_the_same_verified_address_is_joined(
    visitor: Visitor, auth: Auth, provider: LocalProvider
) -> None:
    user = await verified_user(auth, "Joined@example.com")
    provider.claims |= {"sub": "joined", "email": "joined@EXAMPLE.com"}
    assert (await visitor.log_in())["user"]["id"] == user["id"]
    assert "identity.linked" in await audited(auth, user["id"])
    letters = await letters_to(auth, "Joined@example.com")
    assert "identity_linked" in [one.template for one in letters]


async def test_an_account_that_only_claims_the_address_is_left_alone(
    visitor: Visitor, auth: Auth, provider: LocalProvider
) -> None:
    user = await auth.register(email="claimed@example.com")
    provider.claims |= {"sub": "claimed", "email": "claimed@example.com"}
    assert (await visitor.told())["error"] == "account_exists"
    assert (await auth.log_in("claimed@example.com"))["user"]["id"] == user["id"]
    assert "identity.linked" not in await audited(auth, user["id"])


async def test_a_provider_that_is_not_trusted_joins_no_account(
    visitor: Visitor, auth: Auth, provider: LocalProvider
) -> None:
    user = await verified_user(auth, "kept@example.com")
    provider.claims |= {"sub": "intruder", "email": "kept@example.com"}
    assert (await visitor.told("unsure"))["error"] == "account_exists"
    assert "identity.linked" not in await audited(auth, user["id"])


async def test_a_second_account_at_the_provider_does_not_join_by_the_same_address(
    auth: Auth, provider: LocalProvider
) -> None:
    provider.claims |= {"sub": "old-owner", "email": "handed-on@example.com"}
    await Visitor(auth).log_in()
    provider.claims |= {"sub": "new-owner"}
    assert (await Visitor(auth).told())["error"] == "account_exists"


async def test_a_suspended_user_is_not_let_in(
    visitor: Visitor, auth: Auth, provider: LocalProvider
) -> None:
    provider.claims |= {"sub": "suspended", "email": "suspended@example.com"}
    user = (await visitor.log_in())["user"]
    await auth.database.run(
        text("UPDATE users SET suspended_at = now() WHERE id = :id"), {"id": user["id"]}
    )
    told = await visitor.told()
    assert code_of(await visitor.exchange(told["code"])) == "account_suspended"


async def test_a_second_factor_is_asked_for(
    visitor: Visitor, auth: Auth, provider: LocalProvider
) -> None:
    provider.claims |= {"sub": "careful", "email": "careful@example.com"}
    user = (await visitor.log_in())["user"]
    await auth.database.run(
        text(
            "INSERT INTO totp (user_id, sealed_secret, confirmed_at, created_at)"
            " VALUES (:id, 'sealed', now(), now())"
        ),
        {"id": user["id"]},
    )
    answer = await visitor.exchange((await visitor.told())["code"])
    assert code_of(answer) == "second_factor_required"
    assert answer.json()["challenge"]


async def test_tokens_can_come_as_a_cookie(visitor: Visitor, provider: LocalProvider) -> None:
    provider.claims |= {"sub": "cookie", "email": "cookie@example.com"}
    told = await visitor.told()
    answer = await visitor.auth.http.post(
        "/api/social/session",
        json={
            "code": told["code"],
            "code_verifier": visitor.verifier,
            "refresh_token_in": "cookie",
        },
        headers={"origin": "https://app.example"},
    )
    assert "refresh_token" not in answer.json()
    assert "madang_refresh=" in answer.headers["set-cookie"]


# Where the browser may go


async def test_nobody_is_sent_to_a_page_that_is_not_ours(visitor: Visitor) -> None:
    answer = await visitor.start(redirect_to="https://evil.example/")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "redirect_to"


async def test_the_api_s_own_pages_may_be_come_back_to(visitor: Visitor) -> None:
    assert (await visitor.start(redirect_to="http://127.0.0.1:8000/done")).status_code == 302


async def test_an_unknown_provider_is_not_found(visitor: Visitor) -> None:
    assert code_of(await visitor.start("nobody")) == "provider_unknown"


# Who may come back


async def test_what_is_asked_has_challenge_nonce_and_the_exact_address(visitor: Visitor) -> None:
    asked = query(await visitor.away())
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == len(asked["nonce"]) == 43
    assert asked["redirect_uri"] == "http://127.0.0.1:8000/api/social/local/callback"
    assert asked["scope"] == "openid email profile"


async def test_another_browser_cannot_finish_what_one_began(visitor: Visitor, auth: Auth) -> None:
    url = await visitor.away()
    answer = await Visitor(auth).at_provider(url)
    assert (answer.status_code, code_of(answer)) == (403, "started_elsewhere")


async def test_a_browser_may_log_in_in_several_tabs(auth: Auth, visitor: Visitor) -> None:
    one, two = await visitor.away(), await visitor.away()
    assert (await visitor.at_provider(one)).status_code == 303
    assert (await visitor.at_provider(two)).status_code == 303


async def test_a_state_is_good_once(visitor: Visitor, provider: LocalProvider) -> None:
    back = (await get(await visitor.away())).headers["location"]
    assert (await visitor.back(back)).status_code == 303
    again = await visitor.back(back)
    assert (again.status_code, code_of(again)) == (410, "link_invalid")


async def test_a_state_is_good_for_ten_minutes(visitor: Visitor, auth: Auth) -> None:
    url = await visitor.away()
    auth.clock.advance(601)
    assert code_of(await visitor.at_provider(url)) == "link_invalid"


async def test_an_invented_state_is_refused(visitor: Visitor) -> None:
    await visitor.start()
    back = await visitor.back("http://x/api/social/local/callback?code=abc&state=invented")
    assert code_of(back) == "link_invalid"


async def test_one_provider_cannot_answer_for_another(visitor: Visitor) -> None:
    state = query(await visitor.away("local"))["state"]
    back = await visitor.back(f"http://x/api/social/unsure/callback?code=abc&state={state}")
    assert code_of(back) == "started_elsewhere"


async def test_an_answer_of_another_issuer_is_refused(
    visitor: Visitor, provider: LocalProvider
) -> None:
    provider.answers_with = {"iss": "https://evil.example"}
    assert (await visitor.told())["error"] == "provider_answer_refused"
    assert provider.token_requests == []  # the code was not even sent


async def test_a_promised_issuer_must_not_be_missing(
    visitor: Visitor, provider: LocalProvider
) -> None:
    provider.discovery = {"authorization_response_iss_parameter_supported": True}
    assert (await visitor.told())["error"] == "provider_answer_refused"
    provider.answers_with = {"iss": provider.issuer}
    assert "code" in await visitor.told()


async def test_a_code_of_another_login_is_refused(
    visitor: Visitor, auth: Auth, provider: LocalProvider
) -> None:
    stolen = query((await get(await visitor.away())).headers["location"])["code"]
    state = query(await visitor.away())["state"]
    back = await visitor.back(f"http://x/api/social/local/callback?code={stolen}&state={state}")
    assert fragment(back.headers["location"])["error"] == "provider_answer_refused"


async def test_what_the_provider_says_no_with_reaches_the_front_end(visitor: Visitor) -> None:
    state = query(await visitor.away())["state"]
    back = await visitor.back(
        f"http://x/api/social/local/callback?state={state}"
        "&error=access_denied&error_description=Not%20today%0A%26x"
    )
    assert fragment(back.headers["location"]) == {
        "error": "access_denied",
        "error_description": "Not today&x",
    }


# Who gets the tokens


async def test_a_code_is_good_once(visitor: Visitor) -> None:
    code = (await visitor.told())["code"]
    assert (await visitor.exchange(code)).status_code == 200
    assert code_of(await visitor.exchange(code)) == "link_invalid"


async def test_a_code_is_good_for_a_minute(visitor: Visitor, auth: Auth) -> None:
    code = (await visitor.told())["code"]
    auth.clock.advance(61)
    assert code_of(await visitor.exchange(code)) == "link_invalid"


async def test_a_code_is_of_no_use_to_another_front_end(visitor: Visitor, auth: Auth) -> None:
    code = (await visitor.told())["code"]
    assert code_of(await Visitor(auth).exchange(code)) == "started_elsewhere"
    assert code_of(await visitor.exchange(code)) == "link_invalid"  # used up all the same


async def test_without_a_challenge_the_cookie_has_to_come_along(
    visitor: Visitor, auth: Auth
) -> None:
    code = (await visitor.told(code_challenge=None))["code"]
    stranger = await Visitor(auth).exchange(code)
    assert code_of(stranger) == "started_elsewhere"
    code = (await visitor.told(code_challenge=None))["code"]
    assert (await visitor.exchange(code, code_verifier=None)).status_code == 200


async def test_a_challenge_has_to_be_one(visitor: Visitor) -> None:
    answer = await visitor.start(code_challenge="short")
    assert answer.json()["errors"][0]["field"] == "code_challenge"


async def test_the_cookie_is_for_this_host_alone_over_https(
    start_auth: StartAuth, provider: LocalProvider
) -> None:
    entries = (entry(provider), entry(provider, "by-form", response_mode="form_post"))
    given = settings(*entries, public_url="https://api.example")
    async with start_auth(**given) as auth:
        lax = (await Visitor(auth).start()).headers["set-cookie"]
        none = (await Visitor(auth).start("by-form")).headers["set-cookie"]
    assert lax.startswith("__Host-madang-social=")
    for flag in ("HttpOnly", "Secure", "Path=/", "SameSite=lax"):
        assert flag in lax
    assert none.startswith("__Host-madang-social-post=")
    assert "SameSite=none" in none
    assert "Domain" not in lax + none


async def test_an_answer_may_come_as_a_form(visitor: Visitor, provider: LocalProvider) -> None:
    provider.claims |= {"sub": "by-form", "email": "by-form@example.com"}
    assert (await visitor.log_in("by-form"))["user"]["email"] == "by-form@example.com"


async def test_a_form_of_another_browser_is_refused(visitor: Visitor, auth: Auth) -> None:
    answer = await Visitor(auth).at_provider(await visitor.away("by-form"))
    assert code_of(answer) == "started_elsewhere"


# ID tokens


def changed(**claims: Any) -> Callable[[LocalProvider], None]:
    def change(provider: LocalProvider) -> None:
        provider.claims |= claims

    return change


def forged(
    forge: Callable[[LocalProvider, dict[str, Any]], str],
) -> Callable[[LocalProvider], None]:
    def change(provider: LocalProvider) -> None:
        provider.forge = lambda claims: forge(provider, claims)

    return change


def _with_public_key(provider: LocalProvider, claims: dict[str, Any]) -> str:
    public = provider.keys["first"].public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = {"alg": "HS256", "typ": "JWT", "kid": "first"}
    unsigned = b".".join(
        encode_base64url(json.dumps(part).encode()).encode() for part in (head, claims)
    )
    signature = hmac.new(pem, unsigned, hashlib.sha256).digest()
    return f"{unsigned.decode()}.{encode_base64url(signature)}"


def _by_somebody_else(provider: LocalProvider, claims: dict[str, Any]) -> str:
    other = rsa.generate_private_key(65537, 2048)
    return jwt.encode(claims, other, "RS256", headers={"kid": "first"})


@pytest.mark.parametrize(
    "change",
    [
        changed(aud="somebody-else"),
        changed(aud=[CLIENT_ID, "somebody-else"]),
        changed(azp="somebody-else"),
        changed(iss="https://evil.example"),
        changed(nonce="another"),
        changed(nonce=None),
        changed(exp=1),
        changed(iat=4_000_000_000),
        changed(iat=0),
        changed(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
        changed(sub=""),
        changed(sub="x" * 256),
        forged(lambda provider, claims: jwt.encode(claims, "", "none")),
        forged(_with_public_key),
        forged(_by_somebody_else),
        forged(lambda provider, claims: provider.sign(claims) + "x"),
        forged(lambda provider, claims: "no.token.atall"),
        forged(lambda provider, claims: "x" * 20_000),
        forged(lambda provider, claims: provider.sign(claims, "PS256")),  # not announced
    ],
    ids=[
        "for another", "for two without azp", "asked for by another", "of another issuer",
        "with another nonce", "without a nonce", "expired", "of the future", "without a time",
        "with another access token", "for nobody", "for too long a name", "unsigned",
        "signed with the public key as a secret", "signed with another key",
        "with a damaged signature", "unreadable", "too long", "with an algorithm not announced",
    ],
)  # fmt: skip
async def test_an_id_token_is_refused(
    visitor: Visitor, provider: LocalProvider, change: Callable[[LocalProvider], None]
) -> None:
    change(provider)
    assert (await visitor.told())["error"] == "provider_answer_refused"


async def test_an_id_token_may_be_signed_with_an_elliptic_curve(
    visitor: Visitor, provider: LocalProvider
) -> None:
    provider.keys["curve"] = ec.generate_private_key(ec.SECP256R1())
    provider.forge = lambda claims: provider.sign(claims, "ES256", "curve")
    assert "code" in await visitor.told()


async def test_a_key_is_good_for_its_own_algorithm_alone(
    visitor: Visitor, provider: LocalProvider
) -> None:
    provider.discovery = {"id_token_signing_alg_values_supported": ["RS256", "PS256"]}
    provider.key_members = {"alg": "RS256"}
    assert "code" in await visitor.told()
    provider.forge = lambda claims: provider.sign(claims, "PS256")
    assert (await visitor.told())["error"] == "provider_answer_refused"


async def test_a_key_for_encryption_signs_nothing(
    visitor: Visitor, provider: LocalProvider
) -> None:
    provider.key_members = {"use": "enc"}
    assert (await visitor.told())["error"] == "provider_answer_refused"


async def test_a_new_key_is_fetched_and_an_unknown_one_asked_for_seldom(
    visitor: Visitor, auth: Auth, provider: LocalProvider
) -> None:
    assert "code" in await visitor.told()
    provider.keys = {"second": rsa.generate_private_key(65537, 2048)}
    provider.signs_with = "second"
    assert (await visitor.told())["error"] == "provider_answer_refused"  # too soon to ask again
    auth.clock.advance(31)
    assert "code" in await visitor.told()
    assert provider.calls.count("/jwks") == 2
    provider.forge = lambda claims: jwt.encode(
        claims, provider.keys["second"], "RS256", headers={"kid": "third"}
    )
    for _ in range(3):
        assert "error" in await visitor.told()
    assert provider.calls.count("/jwks") == 2


async def test_what_the_id_token_leaves_out_is_asked_for(
    visitor: Visitor, provider: LocalProvider
) -> None:
    provider.discovery = {"userinfo_endpoint": f"{provider.issuer}/userinfo"}
    provider.claims = {"sub": "brief"}
    provider.answers["/userinfo"] = {
        "sub": "brief", "email": "brief@example.com", "email_verified": True,
    }  # fmt: skip
    assert (await visitor.log_in())["user"]["email"] == "brief@example.com"
    provider.answers["/userinfo"]["sub"] = "somebody-else"
    assert (await visitor.told())["error"] == "provider_answer_refused"


async def test_documents_are_fetched_once(visitor: Visitor, provider: LocalProvider) -> None:
    for _ in range(3):
        await visitor.told()
    assert provider.calls.count("/.well-known/openid-configuration") == 1
    assert provider.calls.count("/jwks") == 1


# Providers that are ill


@pytest.mark.parametrize("ill", [local.huge, local.redirecting, local.broken, local.no_json])
async def test_a_provider_that_is_ill_at_the_start_is_told_of(
    visitor: Visitor, provider: LocalProvider, ill: Callable[[], Awaitable[Response]]
) -> None:
    provider.ill = ill
    assert fragment(await visitor.away()) == {
        "error": "provider_unavailable",
        "error_description": "The provider cannot be reached right now",
    }


@pytest.mark.parametrize("ill", [local.huge, local.redirecting, local.broken, local.no_json])
async def test_a_provider_that_falls_ill_on_the_way_is_told_of(
    visitor: Visitor, provider: LocalProvider, ill: Callable[[], Awaitable[Response]]
) -> None:
    url = await visitor.away()
    provider.ill = ill
    back = await visitor.at_provider(url)
    assert fragment(back.headers["location"])["error"] == "provider_unavailable"


async def test_a_document_that_has_moved_is_not_followed(
    visitor: Visitor, provider: LocalProvider
) -> None:
    async def moved() -> Response:
        return RedirectResponse(f"{provider.issuer}/moved")

    provider.ill = moved
    assert fragment(await visitor.away())["error"] == "provider_unavailable"


async def test_a_document_that_is_right_but_for_its_size_is_refused(
    visitor: Visitor, provider: LocalProvider
) -> None:
    provider.discovery = {"padding": "x" * provider_client.MAX_BYTES}
    assert fragment(await visitor.away())["error"] == "provider_unavailable"


async def test_nobody_waits_long_for_a_slow_provider(
    visitor: Visitor, provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_client, "WHOLE_SECONDS", 0.2)
    provider.ill = local.slow
    assert fragment(await visitor.away())["error"] == "provider_unavailable"


async def test_a_provider_that_is_down_is_told_of(start_auth: StartAuth) -> None:
    down = LocalProvider(f"http://127.0.0.1:{free_port()}")
    async with start_auth(**settings(entry(down))) as auth:
        assert fragment(await Visitor(auth).away())["error"] == "provider_unavailable"


async def test_known_documents_serve_while_the_provider_publishes_none(
    visitor: Visitor, auth: Auth, provider: LocalProvider
) -> None:
    await visitor.told()
    auth.clock.advance(3601)
    provider.ill = local.broken
    assert (await visitor.away()).startswith(provider.issuer)


async def test_an_ill_provider_is_left_in_peace_for_a_while(
    visitor: Visitor, auth: Auth, provider: LocalProvider
) -> None:
    provider.ill = local.broken
    for _ in range(3):
        await visitor.start()
    assert len(provider.calls) == 1
    provider.ill = None
    auth.clock.advance(6)
    assert "code" in await visitor.told()


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": "http://169.254.169.254/latest"},
        {"jwks_uri": "http://internal.example/keys"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"userinfo_endpoint": "file:///etc/passwd"},
    ],
)
async def test_a_discovery_document_that_leads_astray_is_refused(
    visitor: Visitor, provider: LocalProvider, document: dict[str, Any]
) -> None:
    provider.discovery = document
    assert fragment(await visitor.away())["error"] == "provider_unavailable"


async def test_a_client_secret_goes_in_the_body_where_nothing_else_is_taken(
    visitor: Visitor, provider: LocalProvider
) -> None:
    provider.discovery = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert "code" in await visitor.told()
    assert provider.token_requests[0]["client_secret"] == local.CLIENT_SECRET
