"""Logging in with an account elsewhere, through the gateway, at a provider that others wrote."""

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import pytest

from auth_service.social.domain import challenge_of
from tests.support.front_end import FrontEnd
from tests.support.openid_provider import Person, openid_provider
from tests.support.suite import OPENID_PORT, Suite

PAGE = "https://app.example/welcome"


@pytest.fixture
def issuer(suite: Suite, tmp_path: Path) -> Iterator[str]:
    callback = f"{suite.address}/api/social/independent/callback"
    with openid_provider(OPENID_PORT, callback, tmp_path) as running:
        yield running


@pytest.fixture
async def person() -> AsyncIterator[Person]:
    """With a name that nobody else has, in the other topology neither."""
    found = Person(f"p{secrets.token_hex(5)}")
    yield found
    await found.close()


def told(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 303, answer.text
    page, _, fragment = answer.headers["location"].partition("#")
    assert page == PAGE
    return dict(parse_qsl(fragment))


async def test_a_person_logs_in_from_the_list_of_providers_to_their_account(
    suite: Suite, issuer: str, person: Person
) -> None:
    verifier = secrets.token_urlsafe(32)
    async with suite.client() as browser:
        (provider,) = (await browser.get("/api/social")).json()["items"]
        assert provider["start_url"] == f"{suite.address}/api/social/independent/start"
        asked = {"redirect_to": PAGE, "code_challenge": challenge_of(verifier)}
        away = await browser.get(provider["start_url"], params=asked)
        assert away.status_code == 302
        back = await person.consent(away.headers["location"], issuer)
        code = told(await browser.get(back))["code"]
    async with suite.client() as front_end:
        body = {"code": code, "code_verifier": verifier}
        session = (await front_end.post("/api/social/session", json=body)).json()
        front_end.headers["authorization"] = f"Bearer {session['access_token']}"
        me = (await front_end.get("/api/auth/me")).json()
    assert me["email"] == f"{person.name}@example.com"
    assert me["user_handle"] == person.name


async def test_another_browser_does_not_get_in(suite: Suite, issuer: str, person: Person) -> None:
    async with suite.client() as browser, suite.client() as other:
        away = await browser.get("/api/social/independent/start", params={"redirect_to": PAGE})
        back = await person.consent(away.headers["location"], issuer)
        refused = await other.get(back)
    assert refused.status_code == 403
    assert refused.json()["code"] == "started_elsewhere"


async def test_a_user_links_an_account_and_logs_in_with_it(
    suite: Suite, user: FrontEnd, issuer: str, person: Person
) -> None:
    begun = await user.call("POST", "/api/auth/identities/independent", json={"redirect_to": PAGE})
    async with suite.client() as browser:
        back = await person.consent(begun["authorization_url"], issuer)
        code = told(await browser.get(back))["link_code"]
        linked = await user.call("POST", "/api/auth/identities", 201, json={"code": code})
        assert (await user.call("GET", "/api/auth/identities"))["items"] == [linked]

        away = await browser.get("/api/social/independent/start", params={"redirect_to": PAGE})
        back = await person.consent(away.headers["location"], issuer)
        code = told(await browser.get(back))["code"]
        session = await browser.post("/api/social/session", json={"code": code})
    assert session.json()["user"]["user_handle"] == user.name
    await user.call("DELETE", f"/api/auth/identities/{linked['id']}", 204)
