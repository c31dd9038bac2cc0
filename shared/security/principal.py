"""Who is calling."""

from typing import NewType
from uuid import UUID

import msgspec

UserId = NewType("UserId", UUID)
SessionId = NewType("SessionId", UUID)


class Principal(msgspec.Struct, frozen=True):
    """The verified caller of a request."""

    id: UserId
    session_id: SessionId
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    guest: bool = False


class CallingService(msgspec.Struct, frozen=True):
    """The verified service that calls an internal endpoint."""

    name: str
