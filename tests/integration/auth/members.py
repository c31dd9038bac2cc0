"""A logged-in user of the auth service, as tests of second factors use them."""

from dataclasses import dataclass, field
from typing import Any

import httpx
import pyotp
from sqlalchemy import text

from tests.integration.auth.conftest import PASSWORD, Auth, bearer
from tests.support.authenticator import Authenticator


@dataclass
class Member:
    """One user with a session, and what they keep: the secret of their app, codes, a device."""

    auth: Auth
    user: dict[str, Any]
    token: str
    secret: str = ""
    recovery_codes: list[str] = field(default_factory=list)
    device: Authenticator = field(default_factory=Authenticator)

    @classmethod
    async def of(cls, auth: Auth) -> "Member":
        """A new one, who has just logged in by password."""
        user = await auth.register()
        return cls(auth, user, (await auth.log_in(user["email"]))["access_token"])

    @property
    def id(self) -> str:
        """The user's id."""
        return str(self.user["id"])

    async def ask(
        self, method: str, path: str, json: object = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """The answer to a call with the access token."""
        sent = bearer(self.token) | (headers or {})
        return await self.auth.http.request(method, path, headers=sent, json=json)

    async def call(self, method: str, path: str, json: object = None, wanted: int = 200) -> Any:
        """The JSON of an answer with the status `wanted`."""
        response = await self.ask(method, path, json)
        assert response.status_code == wanted, f"{method} {path}: {response.text}"
        return response.json() if response.content else None

    def code(self, steps: int = 0) -> str:
        """What the app shows now, or so many steps later."""
        return pyotp.TOTP(self.secret).at(int(self.auth.clock.timestamp()) + steps * 30)

    def wrong_code(self) -> str:
        """Six digits that the app shows neither now nor a step away."""
        right = {self.code(steps) for steps in (-1, 0, 1)}
        return next(f"{one:06}" for one in range(10) if f"{one:06}" not in right)

    async def set_up_totp(self) -> "Member":
        """An authenticator app; its first code is used up, so that time has to pass."""
        begun = await self.call("POST", "/api/auth/factors/totp", wanted=201)
        self.secret = begun["secret"]
        confirmed = await self.call("POST", "/api/auth/factors/totp/confirm", {"code": self.code()})
        self.recovery_codes = confirmed["recovery_codes"]
        self.auth.clock.advance(30)
        return self

    async def add_passkey(self, name: str = "Phone", *, packed: bool = False) -> dict[str, Any]:
        """A passkey on the device."""
        credential = self.device.create(await self.options(), packed=packed)
        added = await self.call(
            "POST", "/api/auth/passkeys", {"name": name, "credential": credential}, 201
        )
        self.recovery_codes = added["recovery_codes"] or self.recovery_codes
        passkey: dict[str, Any] = added["passkey"]
        return passkey

    async def options(self, path: str = "/api/auth/passkeys/options") -> dict[str, Any]:
        """What a browser is to be asked."""
        found: dict[str, Any] = (await self.call("POST", path))["public_key"]
        return found

    async def first_step(self) -> dict[str, Any]:
        """The refusal of a log-in by password alone."""
        form = {"username": self.user["email"], "password": PASSWORD}
        response = await self.auth.http.post("/api/auth/login", data=form)
        assert response.status_code == 401, response.text
        refusal: dict[str, Any] = response.json()
        assert refusal["code"] == "second_factor_required"
        return refusal

    async def second_step(self, challenge: str, **proof: object) -> httpx.Response:
        """The answer to the second factor."""
        return await self.auth.http.post(
            "/api/auth/login/second-factor", json={"challenge": challenge, **proof}
        )

    async def second_options(self, challenge: str) -> dict[str, Any]:
        """What a browser is to be asked in the second step."""
        response = await self.auth.http.post(
            "/api/auth/login/second-factor/passkey-options", json={"challenge": challenge}
        )
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()["public_key"]
        return found

    async def prove(self, **proof: object) -> httpx.Response:
        """The answer to a fresh proof."""
        return await self.ask("POST", "/api/auth/reauthenticate", proof)

    async def factors(self) -> dict[str, Any]:
        """Everything that the account has."""
        found: dict[str, Any] = await self.call("GET", "/api/auth/factors")
        return found

    async def noted(self, action: str) -> list[dict[str, Any]]:
        """What the audit log says of the user under `action`."""
        rows = await self.auth.database.all(
            text("SELECT details FROM audit WHERE subject_id = :id AND action = :action"),
            {"id": self.id, "action": action},
        )
        return [row.details for row in rows]

    async def letters(self) -> list[str]:
        """The templates of what was written to them, the oldest first."""
        rows = await self.auth.database.all(
            text("SELECT template FROM mails WHERE user_id = :id ORDER BY id"), {"id": self.id}
        )
        return [row.template for row in rows]

    async def methods(self) -> list[str]:
        """How the newest session was last proved."""
        row = await self.auth.database.one(
            text("SELECT methods FROM sessions WHERE user_id = :id ORDER BY id DESC"),
            {"id": self.id},
        )
        assert row is not None
        return list(row.methods)


async def log_in_with_passkey(auth: Auth, device: Authenticator) -> httpx.Response:
    """The answer to a log-in without a password."""
    options = (await auth.http.post("/api/auth/passkeys/login/options")).json()["public_key"]
    credential = device.use(options)
    return await auth.http.post("/api/auth/passkeys/login", json={"credential": credential})
