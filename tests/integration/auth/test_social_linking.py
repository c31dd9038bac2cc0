"""Linking accounts elsewhere to one that is there, and unlinking them."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.integration.auth.conftest import Auth, StartAuth, bearer
from tests.integration.auth.letters import letters_to
from tests.integration.auth.social import PAGE, Visitor, entry, fragment, query, settings
from tests.support import local_provider as local
from tests.support.local_provider import LocalProvider


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
    entries = (entry(provider), entry(provider, "other"))
    async with start_auth(**settings(*entries)) as started:
        provider.clock = started.clock
        yield started


@pytest.fixture
def visitor(auth: Auth) -> Visitor:
    return Visitor(auth)


@pytest.fixture
async def token(auth: Auth) -> str:
    """Of somebody with a password, who has just logged in."""
    found: str = (await auth.session())["access_token"]
    return found


def code_of(answer: httpx.Response) -> str:
    found: str = answer.json()["code"]
    return found


async def identities(auth: Auth, token: str) -> list[dict[str, Any]]:
    answer = await auth.http.get("/api/auth/identities", headers=bearer(token))
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def unlink(auth: Auth, token: str, identity: str) -> httpx.Response:
    return await auth.http.delete(f"/api/auth/identities/{identity}", headers=bearer(token))


async def test_a_linked_account_logs_its_user_in(
    auth: Auth, visitor: Visitor, provider: LocalProvider
) -> None:
    session = await auth.session()
    provider.claims |= {"sub": "linked", "email": "elsewhere@example.com"}
    linked = await visitor.link(session["access_token"])
    assert linked.status_code == 201, linked.text
    assert linked.json()["provider"] == "local"
    assert linked.json()["email"] == "elsewhere@example.com"
    assert await identities(auth, session["access_token"]) == [linked.json()]
    assert (await Visitor(auth).log_in())["user"]["id"] == session["user"]["id"]


async def test_the_browser_needs_no_cookie_to_link(
    auth: Auth, visitor: Visitor, token: str, provider: LocalProvider
) -> None:
    provider.claims |= {"sub": "no-cookie"}
    await visitor.link(token)
    assert not visitor.cookies


async def test_what_somebody_began_nobody_else_can_finish(
    auth: Auth, visitor: Visitor, token: str, provider: LocalProvider
) -> None:
    """A link to somebody else's account is laid before a visitor, who goes through with it."""
    provider.claims |= {"sub": "victim"}
    begun = await auth.http.post(
        "/api/auth/identities/local", json={"redirect_to": PAGE}, headers=bearer(token)
    )
    back = await visitor.at_provider(begun.json()["authorization_url"])
    code = fragment(back.headers["location"])["link_code"]
    victim = (await auth.session())["access_token"]
    assert code_of(await visitor.finish_linking(victim, code)) == "link_invalid"
    assert code_of(await visitor.finish_linking(token, code)) == "link_invalid"
    assert await identities(auth, token) == await identities(auth, victim) == []


async def test_an_account_elsewhere_belongs_to_one_user(
    auth: Auth, visitor: Visitor, token: str, provider: LocalProvider
) -> None:
    provider.claims |= {"sub": "wanted-twice"}
    await visitor.link((await auth.session())["access_token"])
    answer = await visitor.link(token)
    assert (answer.status_code, code_of(answer)) == (409, "identity_taken")


async def test_a_user_has_one_account_at_each_provider(
    visitor: Visitor, token: str, provider: LocalProvider
) -> None:
    provider.claims |= {"sub": "one"}
    await visitor.link(token)
    provider.claims |= {"sub": "two"}
    assert code_of(await visitor.link(token)) == "provider_linked"
    assert (await visitor.link(token, "other")).status_code == 201


async def test_linking_again_changes_nothing(
    auth: Auth, visitor: Visitor, token: str, provider: LocalProvider
) -> None:
    provider.claims |= {"sub": "twice"}
    first = (await visitor.link(token)).json()
    assert (await visitor.link(token)).json() == first


async def test_linking_needs_a_fresh_proof(auth: Auth, visitor: Visitor, token: str) -> None:
    auth.clock.advance(601)
    answer = await visitor.link(token)
    assert (answer.status_code, code_of(answer)) == (403, "reauthentication_required")


async def test_linking_is_not_for_guests(auth: Auth, visitor: Visitor) -> None:
    guest = (await auth.http.post("/api/auth/guest")).json()["access_token"]
    assert code_of(await visitor.link(guest)) == "account_required"


async def test_linking_to_an_unknown_provider_is_refused(visitor: Visitor, token: str) -> None:
    assert code_of(await visitor.link(token, "nobody")) == "provider_unknown"


async def test_linking_says_that_a_provider_is_away(
    visitor: Visitor, token: str, provider: LocalProvider
) -> None:
    provider.ill = local.broken
    answer = await visitor.link(token)
    assert (answer.status_code, code_of(answer)) == (502, "provider_unavailable")


async def test_linking_leads_to_no_foreign_page(auth: Auth, token: str) -> None:
    answer = await auth.http.post(
        "/api/auth/identities/local",
        json={"redirect_to": "https://evil.example/"},
        headers=bearer(token),
    )
    assert answer.json()["errors"][0]["field"] == "redirect_to"


async def test_a_refusal_at_the_provider_reaches_the_front_end(
    auth: Auth, visitor: Visitor, token: str
) -> None:
    begun = await auth.http.post(
        "/api/auth/identities/local", json={"redirect_to": PAGE}, headers=bearer(token)
    )
    state = query(begun.json()["authorization_url"])["state"]
    back = await visitor.back(
        f"http://x/api/social/local/callback?state={state}&error=access_denied"
    )
    assert fragment(back.headers["location"])["error"] == "access_denied"


async def test_a_code_to_link_with_is_not_one_to_log_in_with(
    auth: Auth, visitor: Visitor, token: str, provider: LocalProvider
) -> None:
    provider.claims |= {"sub": "confused"}
    begun = await auth.http.post(
        "/api/auth/identities/local", json={"redirect_to": PAGE}, headers=bearer(token)
    )
    back = await visitor.at_provider(begun.json()["authorization_url"])
    code = fragment(back.headers["location"])["link_code"]
    assert code_of(await visitor.exchange(code)) == "link_invalid"


async def test_an_unlinked_account_makes_a_new_one(
    auth: Auth, visitor: Visitor, provider: LocalProvider
) -> None:
    session = await auth.session()
    provider.claims = {"sub": "parted"}
    linked = (await visitor.link(session["access_token"])).json()
    assert (await unlink(auth, session["access_token"], linked["id"])).status_code == 204
    assert await identities(auth, session["access_token"]) == []
    assert (await visitor.log_in())["user"]["id"] != session["user"]["id"]


async def test_unlinking_needs_a_fresh_proof(
    auth: Auth, visitor: Visitor, token: str, provider: LocalProvider
) -> None:
    provider.claims |= {"sub": "stale"}
    linked = (await visitor.link(token)).json()
    auth.clock.advance(601)
    assert code_of(await unlink(auth, token, linked["id"])) == "reauthentication_required"


async def test_another_user_s_account_cannot_be_unlinked(
    auth: Auth, visitor: Visitor, token: str, provider: LocalProvider
) -> None:
    provider.claims |= {"sub": "not-yours"}
    linked = (await visitor.link(token)).json()
    other = (await auth.session())["access_token"]
    assert code_of(await unlink(auth, other, linked["id"])) == "identity_not_found"
    assert await identities(auth, token) == [linked]


async def test_the_last_way_in_stays(auth: Auth, visitor: Visitor, provider: LocalProvider) -> None:
    provider.claims = {"sub": "only-way"}
    session = await visitor.log_in()
    (only,) = await identities(auth, session["access_token"])
    answer = await unlink(auth, session["access_token"], only["id"])
    assert (answer.status_code, code_of(answer)) == (409, "last_way_in")
    assert await identities(auth, session["access_token"]) == [only]
    await visitor.link(session["access_token"], "other")
    assert (await unlink(auth, session["access_token"], only["id"])).status_code == 204


async def test_what_happens_is_in_the_audit_log(
    auth: Auth, visitor: Visitor, provider: LocalProvider
) -> None:
    session = await auth.session()
    provider.claims = {"sub": "noted"}
    linked = (await visitor.link(session["access_token"])).json()
    await unlink(auth, session["access_token"], linked["id"])
    rows = await auth.database.all(
        text(
            "SELECT action, details FROM audit WHERE subject_id = :user"
            " AND action LIKE 'identity.%' ORDER BY id"
        ),
        {"user": session["user"]["id"]},
    )
    assert [(row.action, row.details) for row in rows] == [
        ("identity.linked", {"provider": "local"}),
        ("identity.unlinked", {"provider": "local"}),
    ]


async def test_the_owner_is_told_by_mail(
    auth: Auth, visitor: Visitor, provider: LocalProvider
) -> None:
    session = await auth.session()
    provider.claims = {"sub": "told"}
    await visitor.link(session["access_token"])
    letters = await letters_to(auth, session["user"]["email"])
    (letter,) = [one for one in letters if one.template == "identity_linked"]
    assert letter.values["provider"] == "Local"


async def test_the_owner_is_told_by_mail_when_a_way_in_is_taken_away(
    auth: Auth, visitor: Visitor, provider: LocalProvider
) -> None:
    session = await auth.session()
    provider.claims = {"sub": "taken-away"}
    identity = (await visitor.link(session["access_token"])).json()["id"]
    path, headers = f"/api/auth/identities/{identity}", bearer(session["access_token"])
    assert (await auth.http.delete(path, headers=headers)).status_code == 204
    letters = await letters_to(auth, session["user"]["email"])
    (letter,) = [one for one in letters if one.template == "identity_unlinked"]
    assert letter.values["provider"] == "Local"
