"""Somebody with a browser who logs in to the auth service by way of a provider."""

import json
import re
import secrets
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx

from auth_service.social.domain import challenge_of
from tests.integration.auth.conftest import Auth, bearer
from tests.support.local_provider import CLIENT_ID, CLIENT_SECRET, LocalProvider

_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""To read those of the system takes longer than a whole log-in, and nothing here needs them."""
FRONT_END = "https://app.example"
PAGE = f"{FRONT_END}/welcome?tab=1"


def entry(provider: LocalProvider, name: str = "local", **changed: object) -> dict[str, object]:
    """What OIDC_PROVIDERS says of a local provider."""
    return {
        "name": name,
        "issuer": provider.issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "trust_email": True,
        **changed,
    }


def settings(*entries: dict[str, object], **more: object) -> dict[str, object]:
    """The settings of a service with these providers."""
    return {"oidc_providers": json.dumps(entries), "allowed_origins": FRONT_END, **more}


def fragment(url: str) -> dict[str, str]:
    """What a front end reads from the address that the browser has come back to."""
    page, _, told = url.partition("#")
    assert page == PAGE
    return dict(parse_qsl(told, strict_parsing=True))


def query(url: str) -> dict[str, str]:
    """The query of an address."""
    return {name: one[0] for name, one in parse_qs(urlsplit(url).query).items()}


async def get(url: str) -> httpx.Response:
    """The answer of a provider's page, with nothing followed."""
    async with httpx.AsyncClient(verify=_NO_AUTHORITIES) as http:
        return await http.get(url)


@dataclass
class Visitor:
    """A browser with its own cookies at the service, and the front end that runs in it."""

    auth: Auth
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)

    async def start(self, provider: str = "local", **changed: str | None) -> httpx.Response:
        """Begin; by default with the challenge of the front end's verifier."""
        asked = {
            "redirect_to": PAGE,
            "code_challenge": challenge_of(self.verifier),
            **changed,
        }
        sent = {name: one for name, one in asked.items() if one is not None}
        return await self._send("GET", f"/api/social/{provider}/start", params=sent)

    async def away(self, provider: str = "local", **changed: str | None) -> str:
        """Begin; the provider's address."""
        answer = await self.start(provider, **changed)
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])

    async def at_provider(self, url: str) -> httpx.Response:
        """Go to a provider that asks nothing; how it sends the browser back."""
        answer = await get(url)
        if answer.has_redirect_location:
            return await self.back(answer.headers["location"])
        page = answer.text
        action = re.findall(r"action='([^']+)'", page)[0]
        fields = dict(re.findall(r"name='([^']+)' value='([^']*)'", page))
        return await self._send("POST", urlsplit(action).path, data=fields)

    async def back(self, url: str) -> httpx.Response:
        """Come back from a provider to `url`."""
        parts = urlsplit(url)
        return await self._send("GET", f"{parts.path}?{parts.query}")

    async def told(self, provider: str = "local", **changed: str | None) -> dict[str, str]:
        """All the way; what the front end is told."""
        answer = await self.at_provider(await self.away(provider, **changed))
        assert answer.status_code == 303, answer.text
        return fragment(answer.headers["location"])

    async def exchange(self, code: str, **changed: Any) -> httpx.Response:
        """Fetch tokens for a code."""
        body = {"code": code, "code_verifier": self.verifier, **changed}
        return await self._send("POST", "/api/social/session", json=body)

    async def log_in(self, provider: str = "local") -> dict[str, Any]:
        """All the way in; the answer with the tokens."""
        told = await self.told(provider)
        assert "code" in told, told
        answer = await self.exchange(told["code"])
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def link(self, access_token: str, provider: str = "local") -> httpx.Response:
        """Link, as the user of that token; the last answer."""
        begun = await self.auth.http.post(
            f"/api/auth/identities/{provider}",
            json={"redirect_to": PAGE},
            headers=bearer(access_token),
        )
        if begun.status_code != 200:
            return begun
        answer = await self.at_provider(begun.json()["authorization_url"])
        assert answer.status_code == 303, answer.text
        told = fragment(answer.headers["location"])
        return await self.finish_linking(access_token, told["link_code"])

    async def finish_linking(self, access_token: str, code: str) -> httpx.Response:
        """Send a `link_code`."""
        return await self.auth.http.post(
            "/api/auth/identities", json={"code": code}, headers=bearer(access_token)
        )

    async def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        # Cookies are kept by hand: the service answers in memory, under no address of its own.
        if self.cookies:
            pairs = "; ".join(f"{one.name}={one.value}" for one in self.cookies.jar)
            more["headers"] = {**more.get("headers", {}), "cookie": pairs}
        answer = await self.auth.http.request(method, path, **more)
        self.auth.http.cookies.clear()
        for name, value in answer.cookies.items():
            self.cookies.set(name, value)
        return answer
