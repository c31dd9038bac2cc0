"""Whoever has a token or an API key, whatever it says."""

from uuid import UUID

import msgspec

from gateway.api_keys import KeyHolder
from shared.security.principal import Principal, SessionId, UserId

USER = Principal(
    UserId(UUID("01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42")),
    SessionId(UUID("01980a3e-7b1c-7f00-8a51-3c5d1e0f9b43")),
)

HOLDER = KeyHolder(
    **msgspec.structs.asdict(msgspec.structs.replace(USER, api_key=True)),
    token="exchanged",  # noqa: S106 - looked at by nobody
)


class AnyToken:
    """A verifier that takes every token for that of one user."""

    def cached(self, token: str) -> Principal:
        """The user."""
        return USER

    async def user(self, token: str) -> Principal:
        """The user."""
        return USER


class AnyApiKey:
    """Takes every API key for one of the same user."""

    def known(self, key: str) -> KeyHolder:
        """The user."""
        return HOLDER

    async def holder(self, key: str) -> KeyHolder:
        """The user."""
        return HOLDER
