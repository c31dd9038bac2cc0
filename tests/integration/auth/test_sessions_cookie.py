"""A refresh token in a cookie that no script can read, and the pages that may use it."""

from collections.abc import AsyncIterator
from http.cookies import Morsel, SimpleCookie
from typing import Any

import httpx
import pytest

from auth_service.sessions.delivery import COOKIE
from auth_service.settings import AuthSettings
from shared.settings import BadSettings, load
from tests.integration.auth.conftest import PASSWORD, SECRET, Auth, StartAuth, bearer
from tests.integration.auth.test_sessions import session_of

APP = "https://app.example"
OWN = {
    "x-forwarded-proto": "https",
    "x-forwarded-host": "api.example",
    "origin": "https://api.example",
}
"""What the gateway tells of a request from a page of the API's own host."""
FOREIGN = {**OWN, "origin": "https://evil.example"}


def cookie_in(response: httpx.Response) -> Morsel[str]:
    (header,) = response.headers.get_list("set-cookie")
    cookies: SimpleCookie = SimpleCookie(header)
    return cookies[COOKIE]


async def log_in(auth: Auth, headers: dict[str, str] = OWN, **more: str) -> httpx.Response:
    user = await auth.register()
    body = {"email": user["email"], "password": PASSWORD, "refresh_token_in": "cookie", **more}
    response = await auth.http.post("/api/auth/login", json=body, headers=headers)
    auth.http.cookies.clear()
    return response


async def refresh_by_cookie(
    auth: Auth, token: str, headers: dict[str, str] = OWN, **body: Any
) -> httpx.Response:
    sent = {**headers, "cookie": f"{COOKIE}={token}"}
    response = await auth.http.post("/api/auth/refresh", headers=sent, json=body or None)
    auth.http.cookies.clear()
    return response


async def test_a_log_in_can_put_the_refresh_token_into_a_cookie_alone(auth: Auth) -> None:
    response = await log_in(auth)
    assert response.status_code == 200
    assert "refresh_token" not in response.json()
    assert response.headers["cache-control"] == "no-store"
    cookie = cookie_in(response)
    assert len(cookie.value) == 43
    assert cookie["httponly"] is True
    assert cookie["secure"] is True
    assert cookie["samesite"] == "lax"
    assert cookie["path"] == "/api/auth"
    assert cookie["domain"] == ""
    assert int(cookie["max-age"]) == 30 * 86_400
    assert (await auth.me(response.json()["access_token"])).status_code == 200


async def test_a_form_can_wish_for_the_cookie_too(auth: Auth) -> None:
    user = await auth.register()
    form = {"username": user["email"], "password": PASSWORD, "refresh_token_in": "cookie"}
    response = await auth.http.post("/api/auth/login", data=form, headers=OWN)
    assert cookie_in(response)["httponly"] is True


async def test_without_a_wish_no_cookie_is_set(auth: Auth) -> None:
    user = await auth.register()
    body = {"email": user["email"], "password": PASSWORD}
    response = await auth.http.post("/api/auth/login", json=body, headers=FOREIGN)
    assert response.status_code == 200
    assert "set-cookie" not in response.headers
    assert response.json()["refresh_token"]


async def test_a_wish_that_is_none_is_named(auth: Auth) -> None:
    response = await log_in(auth, refresh_token_in="local storage")
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "refresh_token_in"


async def test_the_cookie_is_rotated_in_the_cookie(auth: Auth) -> None:
    first = await log_in(auth)
    second = await refresh_by_cookie(auth, cookie_in(first).value)
    assert second.status_code == 200
    assert "refresh_token" not in second.json()
    assert session_of(second.json()) == session_of(first.json())
    assert cookie_in(second).value != cookie_in(first).value
    assert (await refresh_by_cookie(auth, cookie_in(second).value)).status_code == 200
    auth.clock.advance(11)
    stolen = await refresh_by_cookie(auth, cookie_in(first).value)
    assert stolen.json()["code"] == "refresh_token_reused"


async def test_a_token_of_the_cookie_never_gets_into_a_body(auth: Auth) -> None:
    token = cookie_in(await log_in(auth)).value
    response = await refresh_by_cookie(auth, token, refresh_token_in="body")
    assert response.status_code == 200
    assert token not in response.text
    assert cookie_in(response).value not in response.text


async def test_a_token_in_the_body_comes_before_the_cookie_and_can_move_into_it(
    auth: Auth,
) -> None:
    in_body, in_cookie = await auth.session(), await log_in(auth)
    cookie = cookie_in(in_cookie).value
    response = await refresh_by_cookie(auth, cookie, refresh_token=in_body["refresh_token"])
    assert session_of(response.json()) == session_of(in_body)
    assert "set-cookie" not in response.headers
    response = await auth.http.post(
        "/api/auth/refresh",
        json={
            "refresh_token": response.json()["refresh_token"],
            "refresh_token_in": "cookie",
        },
        headers=OWN,
    )
    assert "refresh_token" not in response.json()
    assert len(cookie_in(response).value) == 43


async def test_the_cookie_lasts_no_longer_than_the_session(auth: Auth) -> None:
    response = await log_in(auth)
    for _ in range(3):
        auth.clock.advance(25 * 86_400)
        response = await refresh_by_cookie(auth, cookie_in(response).value)
    assert int(cookie_in(response)["max-age"]) == 15 * 86_400


async def test_neither_body_nor_cookie_is_nobody(auth: Auth) -> None:
    for body in (b"", b"{}"):
        response = await auth.http.post("/api/auth/refresh", content=body, headers=FOREIGN)
        assert response.status_code == 401
        assert response.json()["code"] == "refresh_token_missing"


async def test_a_log_out_ends_the_session_of_the_cookie_and_takes_it_away(auth: Auth) -> None:
    response = await log_in(auth)
    token = cookie_in(response).value
    headers = {**OWN, **bearer(response.json()["access_token"]), "cookie": f"{COOKIE}={token}"}
    out = await auth.http.post("/api/auth/logout", headers=headers)
    assert out.status_code == 200
    assert cookie_in(out).value == ""
    assert cookie_in(out)["max-age"] == "0"
    assert cookie_in(out)["path"] == "/api/auth"
    assert (await refresh_by_cookie(auth, token)).json()["code"] == "session_revoked"


# ---- who may


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://api.example"},
        {"origin": "https://api.example:8443"},
        {"origin": "https://api.example.evil.example"},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
        {"origin": ""},
        {"origin": None},
        {"origin": None, "sec-fetch-site": "cross-site"},
        {"origin": None, "sec-fetch-site": "same-site"},
        {"origin": None, "sec-fetch-site": "none"},
    ],
)
async def test_a_page_of_another_site_can_neither_use_nor_set_the_cookie(
    auth: Auth, changed: dict[str, str | None]
) -> None:
    good = await log_in(auth)
    token = cookie_in(good).value
    headers = {name: value for name, value in {**OWN, **changed}.items() if value is not None}
    refused = [
        await refresh_by_cookie(auth, token, headers),
        await log_in(auth, headers),
        await auth.http.post(
            "/api/auth/logout",
            headers={
                **headers,
                **bearer(good.json()["access_token"]),
                "cookie": f"{COOKIE}={token}",
            },
        ),
    ]
    for response in refused:
        assert response.status_code == 403
        assert response.json()["code"] == "foreign_origin"
        assert "set-cookie" not in response.headers
    assert (await refresh_by_cookie(auth, token)).status_code == 200  # it was not used


async def test_a_log_in_that_is_refused_starts_no_session(auth: Auth) -> None:
    user = await auth.register()
    body = {"email": user["email"], "password": PASSWORD, "refresh_token_in": "cookie"}
    await auth.http.post("/api/auth/login", json=body, headers=FOREIGN)
    tokens = await auth.log_in(user["email"])
    headers = bearer(tokens["access_token"])
    sessions = (await auth.http.get("/api/auth/sessions", headers=headers)).json()["items"]
    assert len(sessions) == 1


async def test_a_browser_that_tells_no_origin_may_come_from_our_own_page(auth: Auth) -> None:
    headers = {
        "x-forwarded-proto": "https",
        "x-forwarded-host": "api.example",
        "sec-fetch-site": "same-origin",
    }
    response = await log_in(auth, headers)
    assert response.status_code == 200
    assert (await refresh_by_cookie(auth, cookie_in(response).value, headers)).status_code == 200


# ---- as it is set


@pytest.fixture
async def strict(start_auth: StartAuth) -> AsyncIterator[Auth]:
    """A service for pages of another site, in production."""
    changed = {
        "allowed_origins": APP,
        "refresh_cookie_samesite": "none",
        "environment": "production",
        "smtp_url": "smtp://user:password@127.0.0.1:1",
        "mail_from": "Madang <no-reply@api.example>",
        "public_url": "https://api.example",
    }
    async with start_auth(**changed) as started:
        yield started


async def test_pages_that_are_listed_may_use_the_cookie(strict: Auth) -> None:
    headers = {"x-forwarded-proto": "http", "x-forwarded-host": "api.example", "origin": APP}
    response = await log_in(strict, headers)
    cookie = cookie_in(response)
    assert cookie["samesite"] == "none"
    assert cookie["secure"] is True  # in production always
    assert (await refresh_by_cookie(strict, cookie.value, headers)).status_code == 200


async def test_over_http_on_a_developers_machine_the_cookie_is_not_secure(auth: Auth) -> None:
    headers = {
        "x-forwarded-proto": "http",
        "x-forwarded-host": "localhost:8000",
        "origin": "http://localhost:8000",
    }
    assert cookie_in(await log_in(auth, headers))["secure"] == ""


def test_settings_that_cannot_be_are_named() -> None:
    with pytest.raises(BadSettings) as refused:
        load(
            AuthSettings,
            secret_key=SECRET,
            database_url="postgresql+asyncpg://x",
            amqp_url="amqp://x",
            storage_url="file:///x",
            allowed_origins="*,https://app.example/",
            refresh_cookie_samesite="loose",
        )
    told = str(refused.value)
    assert "ALLOWED_ORIGINS: '*' is refused" in told
    assert "ALLOWED_ORIGINS: 'https://app.example/' is refused: an origin has no trailing" in told
    assert "REFRESH_COOKIE_SAMESITE: 'loose' is refused" in told
