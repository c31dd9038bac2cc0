"""Providers on this machine that speak their real protocols, and misbehave as they are told.

One OpenID provider, and the shapes of GitHub, Kakao and Naver. Each is at `/authorize`, `/token`
and what follows; whoever comes has logged in and agreed already.
"""

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from shared.clock import Clock, SystemClock
from shared.runtime.http_server import HttpServer, bind

_KEY = rsa.generate_private_key(65537, 2048)  # once: it takes a while
CLIENT_ID, CLIENT_SECRET = "madang", "a secret with a : and a %"
Claims = dict[str, Any]


class LocalProvider:
    """Everything that a test may turn about it is an attribute."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.reset()

    def reset(self) -> None:
        """Behave again."""
        self.clock: Clock = SystemClock()
        self.keys: dict[str, Any] = {"first": _KEY}
        self.key_members: dict[str, str] = {}
        """What else is said of each published key."""
        self.signs_with = "first"
        self.discovery: dict[str, Any] = {}
        """What of the discovery document is different."""
        self.claims: Claims = {"sub": "mina", "email": "mina@example.com", "email_verified": True}
        """Of whoever logs in; those of the protocol can be changed here, too."""
        self.forge: Callable[[Claims], str] | None = None
        """Makes the ID token in place of the provider."""
        self.answers: dict[str, Any] = {}
        """What APIs answer, by path."""
        self.answers_with: dict[str, str] = {}
        """What else goes back with the code."""
        self.ill: Callable[[], Awaitable[Response]] | None = None
        """Makes the answer to every call but the browser's."""
        self.calls: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.token_requests: list[dict[str, str]] = []

    @property
    def app(self) -> Starlette:
        """Its pages and endpoints."""
        paths = ("/user", "/user/emails", "/v2/user/me", "/v1/nid/me", "/userinfo")
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discover),
                Route("/moved", self._moved),
                Route("/jwks", self._jwks),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                *(Route(path, self._api) for path in paths),
            ]
        )

    def sign(self, claims: Claims, algorithm: str = "RS256", kid: str | None = None) -> str:
        """An ID token as it makes them."""
        kid = kid or self.signs_with
        return jwt.encode(claims, self.keys[kid], algorithm, headers={"kid": kid})

    def public_jwk(self, kid: str) -> dict[str, Any]:
        """A key as it is published."""
        key = self.keys[kid].public_key()
        kind = ECAlgorithm if isinstance(key, ec.EllipticCurvePublicKey) else RSAAlgorithm
        return {**kind.to_jwk(key, as_dict=True), "kid": kid, "use": "sig", **self.key_members}

    async def _discover(self, request: Request) -> Response:
        return await self._told(request, self._document())

    async def _moved(self, _: Request) -> Response:
        return JSONResponse(self._document())

    def _document(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
            **self.discovery,
        }

    async def _jwks(self, request: Request) -> Response:
        return await self._told(request, {"keys": [self.public_jwk(kid) for kid in self.keys]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        fields = {"code": code, "state": asked["state"], **self.answers_with}
        if asked.get("response_mode") != "form_post":
            return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(fields)}", 302)
        inputs = "".join(f"<input name='{name}' value='{one}'>" for name, one in fields.items())
        return HTMLResponse(f"<form action='{asked['redirect_uri']}'>{inputs}</form>")

    async def _token(self, request: Request) -> Response:
        sent = {name: one[0] for name, one in parse_qs((await request.body()).decode()).items()}
        self.token_requests.append(sent)
        self.calls.append("/token")
        if self.ill is not None:
            return await self.ill()
        asked = self.codes.pop(sent["code"], None)
        if asked is None or not self._matches(sent, asked):
            return JSONResponse({"error": "invalid_grant"}, 400)
        access_token = secrets.token_urlsafe(16)
        answer = {"access_token": access_token, "token_type": "bearer"}
        if "nonce" in asked:
            answer["id_token"] = self._id_token(asked, access_token)
        return JSONResponse(answer)

    def _matches(self, sent: dict[str, str], asked: dict[str, str]) -> bool:
        digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return (
            asked["code_challenge_method"] == "S256"
            and asked["code_challenge"] == challenge
            and asked["redirect_uri"] == sent["redirect_uri"]
        )

    def _id_token(self, asked: dict[str, str], access_token: str) -> str:
        now = int(self.clock.timestamp())
        digest = hashlib.sha256(access_token.encode()).digest()
        half = base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
        claims = {
            "iss": self.issuer,
            "aud": asked["client_id"],
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "at_hash": half,
            **self.claims,
        }
        return self.forge(claims) if self.forge else self.sign(claims)

    async def _api(self, request: Request) -> Response:
        return await self._told(request, self.answers[request.url.path])

    async def _told(self, request: Request, answer: Any) -> Response:
        self.calls.append(request.url.path)
        if self.ill is not None:
            return await self.ill()
        return JSONResponse(answer)


async def slow() -> Response:
    """Nothing, for longer than anybody waits."""
    await asyncio.sleep(3600)
    raise AssertionError


async def huge() -> Response:
    """A megabyte of JSON."""
    return Response(json.dumps({"x": "y" * 2**20}), media_type="application/json")


async def redirecting() -> Response:
    """Somewhere else."""
    return RedirectResponse("http://127.0.0.1:9/elsewhere")


async def broken() -> Response:
    """An error of its own."""
    return Response("oh", 500)


async def no_json() -> Response:
    """A page for people."""
    return HTMLResponse("<p>Be right back</p>")


@asynccontextmanager
async def local_provider() -> AsyncIterator[LocalProvider]:
    """A running provider that behaves."""
    started = asyncio.Event()
    with bind("127.0.0.1", 0) as bound:
        provider = LocalProvider(f"http://127.0.0.1:{bound.getsockname()[1]}")
        server = HttpServer(provider.app, 0.1, started.set)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve([bound]))
            await started.wait()
            try:
                yield provider
            finally:
                server.should_exit = True
