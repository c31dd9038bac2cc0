import asyncio
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import text

from auth_service.tokens.keyring import KeyRing
from auth_service.tokens.repository import SigningKeys, StoredKey
from auth_service.tokens.seal import Seal, WrongSecret
from shared.http.in_process import InProcessTransport
from shared.messaging.event import decode
from shared.security.jwks import KeySet
from shared.security.keys import SigningKey
from shared.security.principal import Principal
from shared.security.service_tokens import ServiceAuth, ServiceTokens
from shared.security.tokens import TokenIssuer
from shared.security.verification import remote_verification
from tests.integration.auth.conftest import SECRET, Auth, StartAuth, bearer, service_bearer
from tests.integration.auth.test_sessions import session_of


async def no_keys_yet(auth: Auth) -> None:
    await auth.database.run(text("DELETE FROM signing_keys"))


def ring(auth: Auth, secret: str = SECRET) -> KeyRing:
    return KeyRing(auth.database, Seal(secret), auth.clock)


# ---- keys


async def test_the_published_keys_verify_what_auth_signs(auth: Auth) -> None:
    tokens = await auth.session()
    verification = remote_verification("jobs", SECRET, auth.http, auth.clock)
    caller = await verification.verifier.user(tokens["access_token"])
    assert str(caller.id) == tokens["user"]["id"]


async def test_the_key_set_holds_public_ed25519_keys_alone(auth: Auth) -> None:
    response = await auth.http.get("/.well-known/jwks.json")
    assert response.status_code == 200
    keys: list[dict[str, Any]] = response.json()["keys"]
    assert keys
    for key in keys:
        assert set(key) == {"kty", "kid", "crv", "x", "use", "alg"}
        assert (key["kty"], key["crv"], key["alg"]) == ("OKP", "Ed25519", "EdDSA")


async def test_the_private_key_is_encrypted_at_rest(auth: Auth) -> None:
    rows = await auth.database.all(text("SELECT kid, sealed_private_key FROM signing_keys"))
    assert rows
    for row in rows:
        private = Seal(SECRET).open(row.kid, row.sealed_private_key).private.private_bytes_raw()
        assert private not in row.sealed_private_key


async def test_two_instances_that_start_at_once_make_one_key(
    auth: Auth, start_auth: StartAuth
) -> None:
    await no_keys_yet(auth)

    async def published() -> Any:
        async with start_auth() as another:
            return (await another.http.get("/.well-known/jwks.json")).json()

    first, *others = await asyncio.gather(*(published() for _ in range(4)))
    assert len(first["keys"]) == 1
    assert all(one == first for one in others)


async def test_a_restart_keeps_everybody_logged_in(auth: Auth, start_auth: StartAuth) -> None:
    tokens = await auth.session()
    async with start_auth() as restarted:
        assert (await restarted.me(tokens["access_token"])).status_code == 200


async def test_another_secret_key_is_refused_at_start_with_the_way_out(auth: Auth) -> None:
    await ring(auth).load()
    with pytest.raises(WrongSecret, match="another SECRET_KEY"):
        await ring(auth, "another secret of more than 32 characters").load()


async def test_a_sealed_key_is_good_for_its_own_kid_alone() -> None:
    key = SigningKey.generate()
    sealed = Seal(SECRET).close(key)
    assert Seal(SECRET).open(key.kid, sealed).kid == key.kid
    with pytest.raises(WrongSecret):
        Seal(SECRET).open("another", sealed)


async def test_while_keys_overlap_the_old_verifies_and_the_new_signs(auth: Auth) -> None:
    await no_keys_yet(auth)
    keys = ring(auth)
    await keys.load()
    old = keys.signing_key()
    new = SigningKey.generate()
    starts = auth.clock.now() + timedelta(minutes=1)
    await SigningKeys(auth.database).add(StoredKey(new.kid, Seal(SECRET).close(new), starts))
    await keys.load()
    assert keys.signing_key().kid == old.kid  # published, and does not sign yet
    assert {one.kid for one in keys.published().keys} == {old.kid, new.kid}
    auth.clock.advance(120)
    assert keys.signing_key().kid == new.kid
    assert await keys.find(old.kid)


# ---- revocations


async def test_a_process_that_starts_learns_of_the_sessions_that_ended(auth: Auth) -> None:
    tokens = await auth.session()
    await auth.http.post("/api/auth/logout", headers=bearer(tokens["access_token"]))
    response = await auth.http.get("/internal/revocations", headers=service_bearer(auth.clock))
    assert response.status_code == 200
    assert session_of(tokens) in {one["session_id"] for one in response.json()["revocations"]}


async def test_a_session_that_ended_long_ago_is_not_listed(auth: Auth) -> None:
    tokens = await auth.session()
    await auth.http.post("/api/auth/logout", headers=bearer(tokens["access_token"]))
    auth.clock.advance(16 * 60)
    response = await auth.http.get("/internal/revocations", headers=service_bearer(auth.clock))
    assert session_of(tokens) not in response.text


async def test_the_internal_endpoint_is_closed_to_everybody_but_services(auth: Auth) -> None:
    tokens = await auth.session()
    refused: list[dict[str, str]] = [
        {},
        {"x-user-id": tokens["user"]["id"]},
        bearer(tokens["access_token"]),
        service_bearer(auth.clock, callee="content"),
        bearer(ServiceTokens("another secret of 32 characters or more", "jobs", auth.clock)
               .for_service("auth")),
    ]  # fmt: skip
    for headers in refused:
        response = await auth.http.get("/internal/revocations", headers=headers)
        assert response.status_code == 401, headers


async def test_another_process_refuses_a_session_by_the_event_alone(auth: Auth) -> None:
    tokens = await auth.session()
    verification = remote_verification("jobs", SECRET, auth.http, auth.clock)
    await verification.verifier.user(tokens["access_token"])
    await auth.http.post("/api/auth/logout", headers=bearer(tokens["access_token"]))
    assert verification.verifier.cached(tokens["access_token"])  # not heard yet
    (envelope,) = await auth.announced("auth.session.revoked", session_of(tokens))
    await verification.broadcast.handle(decode(envelope.encode()))
    assert verification.verifier.cached(tokens["access_token"]) is None


async def test_another_process_refuses_a_session_it_fetched_at_its_start(auth: Auth) -> None:
    tokens = await auth.session()
    await auth.http.post("/api/auth/logout", headers=bearer(tokens["access_token"]))
    verification = remote_verification("jobs", SECRET, auth.http, auth.clock)
    ready = asyncio.Event()
    task = asyncio.ensure_future(verification.component.run(ready.set))
    await asyncio.wait_for(ready.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(Exception, match="The session has ended"):
        await verification.verifier.user(tokens["access_token"])


async def test_a_second_instance_of_auth_refuses_it_as_well(
    auth: Auth, start_auth: StartAuth
) -> None:
    tokens = await auth.session()
    async with start_auth() as other:
        assert (await other.me(tokens["access_token"])).status_code == 200
        await auth.http.post("/api/auth/logout", headers=bearer(tokens["access_token"]))
        (envelope,) = await auth.announced("auth.session.revoked", session_of(tokens))
        running = asyncio.ensure_future(other.broker.run(lambda: None))
        await asyncio.sleep(0)
        await other.broker.publish(decode(envelope.encode()))
        assert (await other.me(tokens["access_token"])).status_code == 401
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


# ---- forged tokens, through HTTP


async def test_a_token_signed_by_a_stranger_is_401(auth: Auth) -> None:
    tokens = await auth.session()
    keys = KeySet(auth.http, auth.clock)
    published = (await auth.http.get("/.well-known/jwks.json")).json()["keys"][0]["kid"]
    assert await keys.find(published)
    stranger = SigningKey(published, SigningKey.generate().private)
    forged = TokenIssuer(stranger, auth.clock).issue(
        msgspec.convert({"id": tokens["user"]["id"], "session_id": session_of(tokens)}, Principal)
    )
    response = await auth.me(forged)
    assert response.status_code == 401
    assert response.json()["code"] == "token_invalid"


async def test_an_expired_token_says_so(auth: Auth) -> None:
    tokens = await auth.session()
    auth.clock.advance(15 * 60)
    response = await auth.me(tokens["access_token"])
    assert response.status_code == 401
    assert response.json()["code"] == "token_expired"


# ---- the service as a whole


async def test_openapi_shows_an_example_of_every_json_answer(auth: Auth) -> None:
    paths = (await auth.http.get("/openapi.json")).json()["paths"]
    assert {"/api/auth/login", "/api/users/login", "/.well-known/jwks.json"} <= set(paths)
    assert [path for path in paths if path.startswith("/internal/")] == []
    for path, operations in paths.items():
        for method, operation in operations.items():
            success = next(iter(operation["responses"].values()))
            media = success.get("content", {}).get("application/json", {"example": {}})
            assert "example" in media, f"{method} {path}"
            body = operation.get("requestBody", {"content": {}})["content"]
            shown = body.get("application/json", {"example": {}})
            assert "example" in shown, f"{method} {path}"


async def test_the_service_is_ready_when_its_database_answers(auth: Auth) -> None:
    assert (await auth.http.get("/health")).json() == {"status": "healthy", "service": "auth"}
    response = await auth.http.get("/health/ready")
    assert set(response.json()["checks"]) == {"database", "broker"}


async def test_credentials_for_auth_are_sent_by_a_client_with_service_auth(auth: Auth) -> None:
    credentials = ServiceAuth(ServiceTokens(SECRET, "gateway", auth.clock), "auth")
    transport = InProcessTransport(auth.service.app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://auth", auth=credentials
    ) as client:
        assert (await client.get("/internal/revocations")).status_code == 200
