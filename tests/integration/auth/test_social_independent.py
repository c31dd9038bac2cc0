"""Logging in at an OpenID provider that others have written, through its own pages."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.integration.auth.conftest import Auth, StartAuth
from tests.integration.auth.social import Visitor, fragment, query, settings
from tests.support.loopback import free_port
from tests.support.openid_provider import Person, entry, openid_provider

CALLBACK = "http://127.0.0.1:8000/api/social/independent/callback"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("openid-provider")
    with openid_provider(free_port(), CALLBACK, folder) as running:
        yield running


@pytest.fixture
async def auth(start_auth: StartAuth, issuer: str) -> AsyncIterator[Auth]:
    port = int(issuer.rpartition(":")[2])
    async with start_auth(**settings(entry(port))) as started:
        yield started


@pytest.fixture
def visitor(auth: Auth) -> Visitor:
    return Visitor(auth)


async def come_back(visitor: Visitor, issuer: str, name: str) -> httpx.Response:
    person = Person(name)
    try:
        back = await person.consent(await visitor.away("independent"), issuer)
    finally:
        await person.close()
    assert back.startswith(CALLBACK)
    return await visitor.back(back)


async def told(visitor: Visitor, issuer: str, name: str) -> dict[str, str]:
    return fragment((await come_back(visitor, issuer, name)).headers["location"])


async def test_somebody_logs_in_and_is_known_again(
    auth: Auth, visitor: Visitor, issuer: str
) -> None:
    first = await visitor.exchange((await told(visitor, issuer, "yuna"))["code"])
    user = first.json()["user"]
    assert user["email"] == "yuna@example.com"
    assert user["email_verified"] is True
    assert user["user_handle"] == "yuna"
    assert user["display_name"] == "The one called yuna"
    again = Visitor(auth)
    second = await again.exchange((await told(again, issuer, "yuna"))["code"])
    assert second.json()["user"]["id"] == user["id"]


async def test_an_address_that_it_has_not_verified_is_not_taken(
    visitor: Visitor, issuer: str
) -> None:
    answer = await visitor.exchange((await told(visitor, issuer, "unsure-jo"))["code"])
    assert answer.json()["user"]["email"] is None


async def test_whoever_refuses_consent_is_not_let_in(visitor: Visitor, issuer: str) -> None:
    person = Person("reluctant")
    back = await person.refuse(await visitor.away("independent"), issuer)
    await person.close()
    answer = fragment((await visitor.back(back)).headers["location"])
    assert answer["error"] == "access_denied"


async def test_a_code_that_was_used_is_refused(visitor: Visitor, issuer: str) -> None:
    person = Person("replayed")
    back = await person.consent(await visitor.away("independent"), issuer)
    assert "code" in fragment((await visitor.back(back)).headers["location"])
    state = query(await visitor.away("independent"))["state"]
    await person.close()
    replayed = query(back) | {"state": state}
    answer = await visitor.back(f"{CALLBACK}?{httpx.QueryParams(replayed)}")
    assert fragment(answer.headers["location"])["error"] == "provider_answer_refused"


async def test_a_code_for_another_challenge_is_refused(visitor: Visitor, issuer: str) -> None:
    url = await visitor.away("independent")
    other = query(await visitor.away("independent"))["code_challenge"]
    person = Person("tampered")
    back = await person.consent(url.replace(query(url)["code_challenge"], other), issuer)
    await person.close()
    answer = fragment((await visitor.back(back)).headers["location"])
    assert answer["error"] == "provider_answer_refused"


async def test_a_token_with_another_nonce_is_refused(visitor: Visitor, issuer: str) -> None:
    url = await visitor.away("independent")
    person = Person("other-nonce")
    back = await person.consent(url.replace(query(url)["nonce"], "another"), issuer)
    await person.close()
    answer = fragment((await visitor.back(back)).headers["location"])
    assert answer["error"] == "provider_answer_refused"


async def test_an_answer_without_its_issuer_is_refused(visitor: Visitor, issuer: str) -> None:
    person = Person("nameless")
    back = await person.consent(await visitor.away("independent"), issuer)
    await person.close()
    sent = query(back)
    assert sent.pop("iss") == issuer
    answer = await visitor.back(f"{CALLBACK}?{httpx.QueryParams(sent)}")
    assert fragment(answer.headers["location"])["error"] == "provider_answer_refused"
