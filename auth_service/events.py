"""What auth tells the others. Append-only: consumers keep copies of these fields."""

from datetime import datetime
from uuid import UUID

from shared.messaging.event import IntegrationEvent


class _OfUser(IntegrationEvent, frozen=True):
    """What every event about a user says; `revision` grows with each change of the user."""

    user_id: UUID

    @property
    def subject(self) -> str:
        """The user's id."""
        return str(self.user_id)


class UserRegistered(_OfUser, frozen=True):
    """Somebody made an account, or a guest made one of theirs."""

    TYPE = "auth.user.registered"

    handle: str
    registered_at: datetime
    revision: int = 1


class UserUpdated(_OfUser, frozen=True):
    """What others may see of a user has changed."""

    TYPE = "auth.user.updated"
    MUST_BE_HEARD = False  # nobody keeps copies of users yet

    handle: str
    display_name: str
    avatar: str | None
    revision: int


class UserDeleted(_OfUser, frozen=True):
    """A user is erased: every service deletes what it knows of them."""

    TYPE = "auth.user.deleted"

    deleted_at: datetime


class GuestCreated(_OfUser, frozen=True):
    """Somebody came in as a guest."""

    TYPE = "auth.guest.created"

    created_at: datetime


class GuestUpgraded(IntegrationEvent, frozen=True):
    """A guest has become a user, or turned out to be one: what the guest owned is the user's.

    The two ids are the same when the guest registered, and differ when they logged in to an
    account that they had already; the guest is erased then.
    """

    TYPE = "auth.guest.upgraded"

    guest_id: UUID
    user_id: UUID
    upgraded_at: datetime

    @property
    def subject(self) -> str:
        """The guest's id."""
        return str(self.guest_id)


class KeysChanged(IntegrationEvent, frozen=True):
    """There is another key for access tokens, or one is withdrawn: fetch the JWKS anew.

    `signing_key_id` signs from `signs_from` on.
    """

    TYPE = "auth.keys.changed"
    MUST_BE_HEARD = False  # broadcast only: everybody looks once a minute, too

    signing_key_id: str
    signs_from: datetime

    @property
    def subject(self) -> str:
        """The id of the new key."""
        return self.signing_key_id


class SessionRevoked(IntegrationEvent, frozen=True):
    """A session ended, or an API key was revoked: its access tokens are refused from now on."""

    TYPE = "auth.session.revoked"
    MUST_BE_HEARD = False  # broadcast only: whoever is away now fetches the whole at its start

    session_id: UUID
    user_id: UUID
    revoked_at: datetime

    @property
    def subject(self) -> str:
        """The session's id."""
        return str(self.session_id)
