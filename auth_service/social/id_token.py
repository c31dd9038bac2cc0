"""Verifying ID tokens (OpenID Connect Core, 3.1.3.7)."""

import hashlib
import hmac
from typing import Any

import jwt
import msgspec

from auth_service.social.discovery import Published
from auth_service.social.domain import ProviderAnswerRefused
from shared.clock import Clock
from shared.observability.logging import get_logger
from shared.security.keys import encode_base64url

log = get_logger(__name__)

ALGORITHMS = {
    "RS256": ("RSA", None),
    "PS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""By name: the kind of key and its curve. Neither "none" nor what a shared secret signs: with HS256
a public key would pass for the secret (RFC 8725, 2.1)."""
SKEW_SECONDS = 60.0
MAX_TOKEN_BYTES = 16 * 1024

_HASHES = {"RS256": "sha256", "PS256": "sha256", "ES256": "sha256", "EdDSA": "sha512"}
_jws = jwt.PyJWS(algorithms=list(ALGORITHMS), options={"enforce_minimum_key_length": True})


class IdClaims(msgspec.Struct, frozen=True):
    """What an ID token, or the answer of a userinfo endpoint, says."""

    sub: str
    iss: str = ""
    aud: str | tuple[str, ...] = ()
    exp: float = 0
    iat: float = 0
    nonce: str | None = None
    azp: str | None = None
    at_hash: str | None = None
    email: str | None = None
    email_verified: bool | str | None = None  # Apple has sent "true"
    name: str | None = None
    preferred_username: str | None = None


class IdTokens:
    """Verifies what one issuer says to one client."""

    def __init__(self, issuer: str, client_id: str, published: Published, clock: Clock) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._published = published
        self._clock = clock

    async def open(self, token: str, *, nonce: str, access_token: str | None) -> IdClaims:
        """The claims; raises `ProviderAnswerRefused`, and `ProviderUnavailable` without keys."""
        algorithm, kid = await self._header(token)
        claims = self._signed_by_one(token, algorithm, await self._published.keys(kid))
        if reason := self._objection(claims, nonce):
            raise _refused(reason)
        if claims.at_hash is not None and claims.at_hash != at_hash(access_token or "", algorithm):
            raise _refused("at_hash does not belong to the access token")
        return claims

    async def _header(self, token: str) -> tuple[str, str | None]:
        if len(token) > MAX_TOKEN_BYTES or not token.isascii():
            raise _refused("it is too long, or no token")
        try:
            header = _jws.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise _refused(f"it cannot be read: {error}") from None
        algorithm, kid = header.get("alg"), header.get("kid")
        announced = (await self._published.discovery()).id_token_signing_alg_values_supported
        if algorithm not in ALGORITHMS or algorithm not in announced:
            raise _refused(f"it is signed with {algorithm!r}")
        return algorithm, kid if isinstance(kid, str) else None

    def _signed_by_one(self, token: str, algorithm: str, keys: list[dict[str, Any]]) -> IdClaims:
        for jwk in keys:
            if not _is_for(jwk, algorithm):
                continue
            try:
                payload: bytes = _jws.decode(token, jwt.PyJWK(jwk, algorithm), [algorithm])
                return msgspec.json.decode(payload, type=IdClaims)
            except (jwt.PyJWTError, msgspec.MsgspecError, UnicodeDecodeError) as error:
                log.info("id_token_not_opened", kid=jwk.get("kid"), reason=str(error))
        raise _refused("no published key has signed it")

    def _objection(self, claims: IdClaims, nonce: str) -> str | None:
        audiences = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
        now = self._clock.timestamp()
        if claims.iss != self._issuer:
            return f"it is by {claims.iss!r}"
        if self._client_id not in audiences:
            return "it is for somebody else"
        if claims.azp != self._client_id and (claims.azp is not None or len(audiences) > 1):
            return "it was asked for by somebody else"
        if claims.exp <= now - SKEW_SECONDS:
            return "it has expired"
        if not 0 < claims.iat <= now + SKEW_SECONDS:
            return "it is of the future, or does not say when it was made"
        if claims.nonce is None or not hmac.compare_digest(claims.nonce.encode(), nonce.encode()):
            return "it answers another question"
        return None


def at_hash(access_token: str, algorithm: str) -> str:
    """The left half of the access token's hash (OpenID Connect Core, 3.1.3.6)."""
    digest = hashlib.new(_HASHES[algorithm], access_token.encode()).digest()
    return encode_base64url(digest[: len(digest) // 2])


def _is_for(jwk: dict[str, Any], algorithm: str) -> bool:
    kind, curve = ALGORITHMS[algorithm]
    return (
        jwk.get("kty") == kind
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", algorithm) == algorithm
        and (curve is None or jwk.get("crv") == curve)
    )


def _refused(reason: str) -> ProviderAnswerRefused:
    log.warning("id_token_refused", reason=reason)
    return ProviderAnswerRefused()
