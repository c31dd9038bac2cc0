"""Coming in without an account."""

from typing import Any

import jwt

from tests.integration.auth.conftest import Auth


async def come_in(auth: Auth) -> dict[str, Any]:
    """A new guest: the answer of the service."""
    response = await auth.http.post("/api/auth/guest")
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_a_guest_needs_neither_name_nor_password(auth: Auth) -> None:
    guest = await come_in(auth)
    assert guest["user"]["guest"] is True
    assert guest["user"]["email"] is None
    assert guest["user"]["user_handle"].startswith("guest-")
    assert (await auth.me(guest["access_token"])).json() == guest["user"]


async def test_the_access_token_says_that_its_owner_is_a_guest(auth: Auth) -> None:
    guest = await come_in(auth)
    renewed = (await auth.refresh(guest["refresh_token"])).json()
    for tokens in (guest, renewed):
        claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
        assert claims["guest"] is True


async def test_a_new_guest_is_announced(auth: Auth) -> None:
    guest = await come_in(auth)
    assert len(await auth.announced("auth.guest.created", guest["user"]["id"])) == 1
