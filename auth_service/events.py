"""What auth tells the others. Append-only: consumers keep copies of these fields."""

from datetime import datetime
from uuid import UUID

from shared.messaging.event import IntegrationEvent


class UserRegistered(IntegrationEvent, frozen=True):
    """Somebody made an account; `revision` grows with each later change of the user."""

    TYPE = "auth.user.registered"

    user_id: UUID
    handle: str
    registered_at: datetime
    revision: int = 1

    @property
    def subject(self) -> str:
        """The user's id."""
        return str(self.user_id)


class SessionRevoked(IntegrationEvent, frozen=True):
    """A session ended: its access tokens are refused from now on."""

    TYPE = "auth.session.revoked"
    MUST_BE_HEARD = False  # broadcast only: whoever is away now fetches the whole at its start

    session_id: UUID
    user_id: UUID
    revoked_at: datetime

    @property
    def subject(self) -> str:
        """The session's id."""
        return str(self.session_id)
