"""Letters that the service writes to its users."""

from datetime import timedelta
from enum import StrEnum

import msgspec

LIFETIME = timedelta(hours=24)
"""How long it is tried to hand a letter over."""


class Template(StrEnum):
    """What a letter is about; each has a text in every language (`templates/`)."""

    VERIFY_EMAIL = "verify_email"
    ALREADY_REGISTERED = "already_registered"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - the name of a template
    CHANGE_EMAIL = "change_email"
    EMAIL_CHANGED = "email_changed"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a template
    SESSIONS_STOLEN = "sessions_stolen"
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    API_KEY_MADE = "api_key_made"
    EXPORT_READY = "export_ready"
    DELETION_ASKED = "deletion_asked"


class Letter(msgspec.Struct, frozen=True):
    """One letter: `values` fill in its template; `languages` is the reader's Accept-Language."""

    template: Template
    recipient: str
    languages: str
    values: dict[str, str] = {}
