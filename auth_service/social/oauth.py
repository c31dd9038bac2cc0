"""Providers that speak OAuth 2 alone: who has logged in is asked of an API of their own."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx
import msgspec

from auth_service.social.domain import Answer, Attempt, Profile
from auth_service.social.provider_client import ProviderClient, query_of

ReadProfile = Callable[[ProviderClient, str, str], Awaitable[Profile]]
"""From the client, the address of the API and an access token."""


class _Tokens(msgspec.Struct, frozen=True):
    access_token: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where such a provider answers."""

    authorization: str
    token: str
    api: str


@dataclass(frozen=True, slots=True)
class OAuthProvider:
    """A provider whose `read` understands its API; a `Provider`."""

    name: str
    label: str
    addresses: Addresses
    client_id: str
    secret: str = field(repr=False)
    scope: str | None
    read: ReadProfile
    client: ProviderClient
    form_post: bool = False
    trusts_email: bool = True

    async def authorization_url(self, attempt: Attempt, state: str) -> str:
        """Where the browser goes (RFC 6749, 4.1.1); who does not know PKCE passes over it."""
        asked = query_of(
            {
                "response_type": "code",
                "client_id": self.client_id,
                "redirect_uri": attempt.redirect_uri,
                "scope": self.scope,
                "state": state,
                "code_challenge": attempt.challenge,
                "code_challenge_method": "S256",
            }
        )
        return str(httpx.URL(self.addresses.authorization, query=asked.encode()))

    async def check_issuer(self, issuer: str | None) -> None:
        """Such a provider has none. Each has an address of its own to answer at, which keeps
        their answers apart (RFC 9700, 4.4.2.2)."""

    async def profile(self, answer: Answer, attempt: Attempt) -> Profile:
        """Who has logged in, by the provider's API."""
        fields = {
            "grant_type": "authorization_code",
            "code": answer.code,
            "state": answer.state,  # Naver wants it
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.verifier,
            "client_id": self.client_id,
            "client_secret": self.secret,
        }
        tokens = await self.client.exchange(self.addresses.token, fields, _Tokens)
        return await self.read(self.client, self.addresses.api, tokens.access_token)
