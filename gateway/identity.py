"""Who calls: the bearer token is verified here, and forwarded for the service to verify again."""

from gateway.cors import Fields
from shared.errors import Unauthenticated
from shared.security.principal import Principal
from shared.security.verifier import TokenVerifier

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


class Identity:
    """Finds out who holds a token."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    async def caller(self, fields: Fields) -> Principal:
        """The owner of the request's token; raises `Unauthenticated`, or `Unavailable` when the
        token cannot be verified now."""
        header = fields.get(b"authorization")
        if header is None:
            raise Unauthenticated("Send an access token as 'Authorization: Bearer <token>'.")
        if header[:7].lower() != b"bearer " or len(header) == 7:
            raise Unauthenticated("The Authorization header must read 'Bearer <token>'.")
        token = header[7:].decode("latin-1")
        return self._verifier.cached(token) or await self._verifier.user(token)
