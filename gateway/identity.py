"""Who calls: the bearer token is verified here, and forwarded for the service to verify again.

In its place may come an API key, as `X-API-Key` or as the bearer token. It goes no further: what is
forwarded is the access token it has been exchanged for.
"""

from typing import Protocol

from gateway.api_keys import KeyHolder
from gateway.headers import Fields, HeaderList
from gateway.routes import TokenRule
from shared.errors import Malformed
from shared.security.api_keys import HEADER, PREFIX
from shared.security.bearer import bearer_token
from shared.security.principal import Principal

CLAIMED = frozenset(
    {
        b"remote-user",
        b"x-auth-request-user",
        b"x-authenticated-user",
        b"x-forwarded-user",
        b"x-remote-user",
        b"x-user",
        b"x-user-email",
        b"x-user-handle",
        b"x-user-id",
        b"x-user-name",
        b"x-user-role",
        b"x-user-roles",
    }
)
"""Headers in which other systems state who calls. Nobody here believes them, and they go no
further, so that nothing that is added behind us can be fooled by a client."""

API_KEY = HEADER.lower().encode()
_BEARER = b"bearer "
_PROOFS = frozenset({API_KEY, b"authorization"})


class Verifier(Protocol):
    """Knows who holds a token: `shared/security/verifier.py`, or mock mode, which takes any."""

    def cached(self, token: str) -> Principal | None:
        """The owner of a token that is known already."""

    async def user(self, token: str) -> Principal:
        """The owner of a token; raises `Unauthenticated` or `Unavailable`."""


class KeyVerifier(Protocol):
    """Knows who holds an API key: `gateway/api_keys.py`, or mock mode, which takes any."""

    def known(self, key: str) -> Principal | None:
        """The holder of a key that is known already."""

    async def holder(self, key: str) -> Principal:
        """The holder of a key; raises `Unauthenticated` or `Unavailable`."""


class Identity:
    """Finds out who holds a token or an API key."""

    def __init__(self, verifier: Verifier, api_keys: KeyVerifier) -> None:
        self._verifier = verifier
        self._api_keys = api_keys

    def known(self, fields: Fields) -> Principal | None:
        """Whose request it is, if the token or key has been verified before and is still good.

        Raises `Malformed` for a request with both.
        """
        if API_KEY in fields:
            return self._api_keys.known(_api_key_in(fields))
        header = fields.get(b"authorization")
        if header is None or header[:7].lower() != _BEARER:
            return None
        token = header[7:].decode("latin-1")
        known = self._verifier.cached(token)
        if known is None and token.startswith(PREFIX):
            return self._api_keys.known(token)
        return known

    def is_asked(self, fields: Fields, rule: TokenRule) -> bool:
        """Whether the request needs a token, or has one that must be good."""
        if rule is TokenRule.OPTIONAL:
            return not _PROOFS.isdisjoint(fields)
        return rule is TokenRule.REQUIRED

    async def caller(self, fields: Fields) -> Principal:
        """Whose request it is.

        Raises `Unauthenticated`, or `Unavailable` when the token or key cannot be verified now.
        """
        if API_KEY in fields:
            return await self._api_keys.holder(_api_key_in(fields))
        token = token_in(fields)
        if token.startswith(PREFIX):
            return await self._api_keys.holder(token)
        return await self._verifier.user(token)


def token_in(fields: Fields) -> str:
    """The bearer token of a request; raises `Unauthenticated`."""
    header = fields.get(b"authorization")
    return bearer_token(None if header is None else header.decode("latin-1"))


def as_bearer(caller: Principal, headers: HeaderList) -> HeaderList:
    """The headers of a request of `caller`; an API key gives way to the token it stands for."""
    if not isinstance(caller, KeyHolder):
        return headers
    others = [field for field in headers if field[0] not in _PROOFS]
    return [*others, (b"authorization", b"Bearer " + caller.token.encode())]


def _api_key_in(fields: Fields) -> str:
    if b"authorization" in fields:
        raise Malformed(f"Send an access token or an API key ({HEADER}), not both.")
    return fields[API_KEY].decode("latin-1")
