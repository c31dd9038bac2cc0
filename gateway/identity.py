"""Who calls: the bearer token is verified here, and forwarded for the service to verify again."""

from typing import Protocol

from gateway.headers import Fields
from gateway.routes import TokenRule
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

_BEARER = b"bearer "


class Verifier(Protocol):
    """Knows who holds a token: `shared/security/verifier.py`, or mock mode, which takes any."""

    def cached(self, token: str) -> Principal | None:
        """The owner of a token that is known already."""

    async def user(self, token: str) -> Principal:
        """The owner of a token; raises `Unauthenticated` or `Unavailable`."""


class Identity:
    """Finds out who holds a token."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def known(self, fields: Fields) -> Principal | None:
        """The owner of the request's token, if it has been verified before and is still good."""
        header = fields.get(b"authorization")
        if header is None or header[:7].lower() != _BEARER:
            return None
        return self._verifier.cached(header[7:].decode("latin-1"))

    def is_asked(self, fields: Fields, rule: TokenRule) -> bool:
        """Whether the request needs a token, or has one that must be good."""
        if rule is TokenRule.OPTIONAL:
            return b"authorization" in fields
        return rule is TokenRule.REQUIRED

    async def caller(self, fields: Fields) -> Principal:
        """The owner of the request's token.

        Raises `Unauthenticated`, or `Unavailable` when the token cannot be verified now.
        """
        return await self._verifier.user(token_in(fields))


def token_in(fields: Fields) -> str:
    """The bearer token of a request; raises `Unauthenticated`."""
    header = fields.get(b"authorization")
    return bearer_token(None if header is None else header.decode("latin-1"))
