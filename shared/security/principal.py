"""Who is calling."""

from typing import NewType
from uuid import UUID

import msgspec

UserId = NewType("UserId", UUID)
SessionId = NewType("SessionId", UUID)


class Principal(msgspec.Struct, frozen=True):
    """The verified caller of a request: a user, through a session or one of their API keys.

    `session_id` is the id of that session or key. `scopes` are what the user's roles allow beyond
    everybody's rights, or, of an API key, all that it may do.
    """

    id: UserId
    session_id: SessionId
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    guest: bool = False
    api_key: bool = False


class CallingService(msgspec.Struct, frozen=True):
    """The verified service that calls an internal endpoint."""

    name: str
