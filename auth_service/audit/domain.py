"""The audit log: everything that concerns somebody's security, in the order of its happening."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec


class Action(StrEnum):
    """What happened. The names are a contract: only ever add to them."""

    REGISTERED = "account.registered"
    GUEST_CREATED = "account.guest_created"
    GUEST_UPGRADED = "account.guest_upgraded"
    PROFILE_CHANGED = "account.profile_changed"
    HANDLE_CHANGED = "account.handle_changed"
    EMAIL_VERIFIED = "account.email_verified"
    EMAIL_CHANGE_ASKED = "account.email_change_asked"
    EMAIL_CHANGED = "account.email_changed"
    LOGGED_IN = "session.started"
    LOGIN_FAILED = "session.refused"
    LOGGED_OUT = "session.ended"
    SESSIONS_ENDED = "session.all_ended"
    TOKEN_REUSED = "session.refresh_token_reused"  # noqa: S105 - the name of an action
    REAUTHENTICATED = "session.reauthenticated"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - the name of an action
    PASSWORD_RESET_ASKED = "password.reset_asked"  # noqa: S105 - the name of an action
    PASSWORD_RESET = "password.reset"  # noqa: S105 - the name of an action
    FACTOR_ADDED = "factor.added"
    FACTOR_REMOVED = "factor.removed"
    FACTOR_FAILED = "factor.failed"
    RECOVERY_CODE_USED = "factor.recovery_code_used"
    RECOVERY_CODES_MADE = "factor.recovery_codes_made"
    IDENTITY_LINKED = "identity.linked"
    IDENTITY_UNLINKED = "identity.unlinked"
    API_KEY_MADE = "api_key.made"
    API_KEY_REVOKED = "api_key.revoked"
    EXPORT_ASKED = "export.asked"
    EXPORT_DOWNLOADED = "export.downloaded"
    DELETION_ASKED = "account.deletion_asked"
    DELETION_CANCELLED = "account.deletion_cancelled"
    ERASED = "account.erased"
    SUSPENDED = "admin.suspended"
    UNSUSPENDED = "admin.unsuspended"
    ROLES_CHANGED = "admin.roles_changed"
    KEY_ROTATED = "keys.rotated"


class AuditEntry(msgspec.Struct, frozen=True):
    """One line of the log: `actor_id` did `action` to `subject_id`, from that device."""

    id: UUID
    at: datetime
    action: str
    actor_id: UUID | None
    subject_id: UUID | None
    address: str
    user_agent: str
    details: dict[str, Any]
