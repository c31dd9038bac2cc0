"""What an OpenID provider publishes of itself: its endpoints, and the keys it signs with."""

import ipaddress
from typing import Any

import msgspec

from auth_service.social.domain import ProviderUnavailable
from auth_service.social.provider_client import ProviderClient
from auth_service.social.remembered import Remembered
from shared.clock import Clock
from shared.http.origins import split_url
from shared.observability.logging import get_logger

log = get_logger(__name__)

SECONDS_BETWEEN_KEY_FETCHES = 30.0
"""However many tokens with unknown keys come, the provider is not asked more often."""


class Discovery(msgspec.Struct, frozen=True):
    """The part of the discovery document that we need (OpenID Connect Discovery, 3; RFC 9207)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Every address that we would use."""
        named = (self.authorization_endpoint, self.token_endpoint, self.jwks_uri)
        return named if self.userinfo_endpoint is None else (*named, self.userinfo_endpoint)


class _KeySet(msgspec.Struct, frozen=True):
    keys: tuple[dict[str, Any], ...]


class Published:
    """Discovery document and keys of one issuer, remembered."""

    def __init__(self, issuer: str, client: ProviderClient, clock: Clock) -> None:
        self._issuer = issuer
        self._client = client
        self._discovery = Remembered(self._fetch_discovery, clock)
        self._keys = Remembered(self._fetch_keys, clock)

    async def discovery(self) -> Discovery:
        """The document; raises `ProviderUnavailable`."""
        return await self._discovery.get()

    async def keys(self, kid: str | None) -> list[dict[str, Any]]:
        """The keys (JWK) of that id, or all when a token names none; raises
        `ProviderUnavailable`."""
        found = _named(await self._keys.get(), kid)
        return found or _named(await self._keys.get(SECONDS_BETWEEN_KEY_FETCHES), kid)

    async def _fetch_discovery(self) -> Discovery:
        url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        found = await self._client.get(url, Discovery)
        if found.issuer != self._issuer:
            raise self._refused("it names another issuer", found.issuer)
        for endpoint in found.endpoints:
            if not _may_be_called(endpoint, self._issuer):
                raise self._refused("an endpoint is not https://", endpoint)
        return found

    async def _fetch_keys(self) -> tuple[dict[str, Any], ...]:
        discovery = await self.discovery()
        return (await self._client.get(discovery.jwks_uri, _KeySet)).keys

    def _refused(self, reason: str, value: str) -> ProviderUnavailable:
        log.warning("discovery_refused", issuer=self._issuer, reason=reason, value=value[:200])
        return ProviderUnavailable()


def is_loopback(host: str | None) -> bool:
    """Whether a URL's host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _may_be_called(url: str, issuer: str) -> bool:
    # Only an issuer that is itself on this machine, as in development, may do without TLS.
    parts = split_url(url)
    if parts is None or not parts.hostname:
        return False
    if parts.scheme == "https":
        return True
    on_this_machine = issuer.startswith("http://") and is_loopback(parts.hostname)
    return parts.scheme == "http" and on_this_machine


def _named(keys: tuple[dict[str, Any], ...], kid: str | None) -> list[dict[str, Any]]:
    return [one for one in keys if kid is None or one.get("kid") == kid]
