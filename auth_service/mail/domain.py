"""Letters that the service writes to its users."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from auth_service.device import Device
from auth_service.mail.programs import program_of

LIFETIME = timedelta(hours=24)
"""How long it is tried to hand a letter over."""
REMEMBERED_FOR = timedelta(hours=1)
"""How long it is known that a letter was written, so that nobody gets too many."""
SHORTEST_PAUSE = timedelta(minutes=1)
MOST_AN_HOUR = 5


def next_letter_at(written_at: Iterable[datetime], now: datetime) -> datetime:
    """When there may be one more letter to somebody to whom these were written; `now` at least."""
    lately = sorted(at for at in written_at if now - at < REMEMBERED_FOR)
    moments = [now, *(at + SHORTEST_PAUSE for at in lately[-1:])]
    if len(lately) >= MOST_AN_HOUR:
        moments.append(lately[-MOST_AN_HOUR] + REMEMBERED_FOR)
    return max(moments)


class Template(StrEnum):
    """What a letter is about; each has a text in every language (`templates/`).

    Beside each, the values that it needs. All may have those of `circumstances`, and `handle`, too.
    """

    VERIFY_EMAIL = "verify_email"  # handle, link
    ALREADY_REGISTERED = "already_registered"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - the name of a template; handle, link
    CHANGE_EMAIL = "change_email"  # handle, link
    EMAIL_CHANGED = "email_changed"  # handle
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a template
    SESSIONS_STOLEN = "sessions_stolen"
    FACTOR_ADDED = "factor_added"  # factor: a name of factors.domain.Factor
    FACTOR_REMOVED = "factor_removed"  # factor
    IDENTITY_LINKED = "identity_linked"  # handle, provider
    IDENTITY_UNLINKED = "identity_unlinked"  # handle, provider
    HANDLE_CHANGED = "handle_changed"  # handle, before: the old one
    API_KEY_MADE = "api_key_made"  # name
    EXPORT_READY = "export_ready"
    DELETION_ASKED = "deletion_asked"  # due: the day, such as 2026-03-31


class Letter(msgspec.Struct, frozen=True):
    """One letter: `values` fill in its template; `languages` is the reader's Accept-Language.

    A letter to nobody (an empty `recipient`) is dropped: it makes two cases take the same time.
    """

    template: Template
    recipient: str
    languages: str
    values: dict[str, str] = {}


def circumstances(device: Device) -> dict[str, str]:
    """From where something was done, as values of the letter that tells of it."""
    return {"address": device.address, "program": program_of(device.user_agent)}
