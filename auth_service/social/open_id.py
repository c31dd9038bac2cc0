"""Providers that speak OpenID Connect: the authorization code flow with PKCE and nonce."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote_plus

import httpx
import msgspec

from auth_service.social.discovery import Discovery, Published
from auth_service.social.domain import (
    Answer,
    Attempt,
    Profile,
    ProviderAnswerRefused,
)
from auth_service.social.id_token import IdClaims, IdTokens
from auth_service.social.provider_client import ProviderClient, query_of
from shared.clock import Clock
from shared.observability.logging import get_logger

log = get_logger(__name__)


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str | None = None


class _NameParts(msgspec.Struct, frozen=True, rename="camel"):
    first_name: str = ""
    last_name: str = ""


class _AppleUser(msgspec.Struct, frozen=True):
    name: _NameParts = _NameParts()


@dataclass(frozen=True, slots=True)
class OpenIdClient:
    """What an issuer knows us by, and how it is to be asked; `secret` makes the client secret."""

    name: str
    label: str
    issuer: str
    client_id: str
    secret: Callable[[], str] = field(repr=False)
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    form_post: bool = False
    trusts_email: bool = True


class OpenIdProvider:
    """An issuer of ID tokens; a `Provider`."""

    def __init__(self, us: OpenIdClient, client: ProviderClient, clock: Clock) -> None:
        self._us = us
        self._client = client
        self._published = Published(us.issuer, client, clock)
        self._id_tokens = IdTokens(us.issuer, us.client_id, self._published, clock)
        self.name, self.label = us.name, us.label
        self.form_post, self.trusts_email = us.form_post, us.trusts_email

    async def authorization_url(self, attempt: Attempt, state: str) -> str:
        """Where the browser goes (OpenID Connect Core, 3.1.2.1)."""
        discovery = await self._published.discovery()
        url = httpx.URL(discovery.authorization_endpoint)
        asked = query_of(
            {
                "response_type": "code",
                "response_mode": "form_post" if self.form_post else None,
                "client_id": self._us.client_id,
                "redirect_uri": attempt.redirect_uri,
                "scope": " ".join(self._us.scopes),
                "state": state,
                "nonce": attempt.nonce,
                "code_challenge": attempt.challenge,
                "code_challenge_method": "S256",
            }
        )
        return str(url.copy_merge_params(httpx.QueryParams(asked)))

    async def check_issuer(self, issuer: str | None) -> None:
        """An answer of another issuer is refused, as one without where it was promised."""
        promised = (
            await self._published.discovery()
        ).authorization_response_iss_parameter_supported
        if issuer != self._us.issuer and (issuer is not None or promised):
            log.warning("issuer_refused", provider=self.name, issuer=(issuer or "")[:200])
            raise ProviderAnswerRefused("The answer is by another issuer.")

    async def profile(self, answer: Answer, attempt: Attempt) -> Profile:
        """Who has logged in, by the ID token; what it leaves out is asked for."""
        discovery = await self._published.discovery()
        tokens = await self._exchange(discovery, answer.code, attempt)
        claims = await self._id_tokens.open(
            tokens.id_token, nonce=attempt.nonce, access_token=tokens.access_token
        )
        if claims.email is None and discovery.userinfo_endpoint and tokens.access_token:
            claims = await self._more(discovery.userinfo_endpoint, tokens.access_token, claims)
        return Profile(
            claims.sub,
            claims.email,
            claims.email_verified in (True, "true"),
            claims.name or _name_in(answer.user),
            claims.preferred_username or "",
        )

    async def _exchange(self, discovery: Discovery, code: str, attempt: Attempt) -> _Tokens:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        name, secret = self._us.client_id, self._us.secret()
        auth = None
        if "client_secret_basic" in discovery.token_endpoint_auth_methods_supported:
            auth = httpx.BasicAuth(quote_plus(name), quote_plus(secret))  # RFC 6749, 2.3.1
        else:
            fields |= {"client_id": name, "client_secret": secret}
        return await self._client.exchange(discovery.token_endpoint, fields, _Tokens, auth)

    async def _more(self, url: str, access_token: str, known: IdClaims) -> IdClaims:
        told = await self._client.get(url, IdClaims, bearer=access_token)
        if told.sub != known.sub:  # OpenID Connect Core, 5.3.2
            log.warning("userinfo_refused", provider=self.name)
            raise ProviderAnswerRefused("The provider told of somebody else.")
        return told


def _name_in(user: str) -> str:
    """The name in what Apple's form says of the user; the browser could have changed it."""
    try:
        name = msgspec.json.decode(user, type=_AppleUser).name
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""
    return f"{name.first_name} {name.last_name}"
