"""Tickets: short-lived secrets that are good for one use, such as a link in a mail.

A ticket is issued for one purpose and is of no use for another; the database knows its hash alone.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from shared.errors import Gone
from shared.security.principal import UserId


class Purpose(StrEnum):
    """What a ticket is good for."""

    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - the name of a purpose
    CHANGE_EMAIL = "change_email"
    SECOND_FACTOR = "second_factor"
    PASSKEY_REGISTRATION = "passkey_registration"
    PASSKEY_LOGIN = "passkey_login"
    PASSKEY_SECOND_FACTOR = "passkey_second_factor"
    PASSKEY_STEP_UP = "passkey_step_up"
    SOCIAL_STATE = "social_state"
    SOCIAL_LOGIN = "social_login"
    SOCIAL_LINK = "social_link"


class TicketInvalid(Gone):
    """The link or code was never ours, has been used, or is too old; the three look the same."""

    code, title = "link_invalid", "This link or code is not valid any more; ask for a new one"


class Ticket(msgspec.Struct, frozen=True):
    """What is known of a ticket; `data` is what its issuer wanted to remember."""

    purpose: Purpose
    user_id: UserId | None
    data: dict[str, Any]
    attempts: int
    created_at: datetime
    expires_at: datetime
