"""Accounts, and the rules for their e-mail address, handle and password."""

import re
from collections.abc import Collection, Iterator
from datetime import datetime

import msgspec

from auth_service.accounts import handles
from shared.errors import Conflict, FieldError, Forbidden, Invalid, Unauthenticated
from shared.security.principal import UserId

MAX_EMAIL = 254
"""Characters (RFC 5321, 4.5.3.1.3, less the angle brackets)."""
PASSWORD_LENGTH = range(8, 257)
"""Characters; the upper bound keeps the cost of one hash in hand."""

# The syntax that browsers accept for <input type=email> (WHATWG HTML), with a dot in the domain.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})+")


class EmailTaken(Conflict):
    """Another account has the e-mail address."""

    code, title = "email_taken", "This e-mail address is already registered"


class HandleTaken(Conflict):
    """Another account has the handle."""

    code, title = "handle_taken", "This handle is already taken"


class AccountGone(Unauthenticated):
    """The token is good; its owner's account has been deleted."""

    code, title = "account_gone", "This account does not exist any more"


class AccountSuspended(Forbidden):
    """An administrator has suspended the account."""

    code, title = "account_suspended", "This account has been suspended"


class Account(msgspec.Struct, frozen=True):
    """A person's account, without its secret; guests have no e-mail address."""

    id: UserId
    email: str | None
    handle: str
    roles: tuple[str, ...]
    created_at: datetime
    email_verified: bool = False
    guest: bool = False
    display_name: str = ""
    bio: str = ""
    avatar: str | None = None
    language: str = "en"
    time_zone: str = "UTC"
    suspended: bool = False
    deletion_due_at: datetime | None = None


class Registration(msgspec.Struct, frozen=True):
    """What somebody asks for who wants an account; made by `checked` alone."""

    email: str
    handle: str
    password: str

    @classmethod
    def checked(
        cls, email: str, handle: str, password: str, common_passwords: Collection[str]
    ) -> "Registration":
        """Normalise and check; raises `Invalid` naming every rule that is broken."""
        email, handle = email.strip(), handles.normal(handle)
        mistakes = (
            *(FieldError("email", message) for message in _wrong_in_email(email)),
            *(FieldError("user_handle", message) for message in handles.mistakes(handle)),
            *(
                FieldError("password", message)
                for message in _wrong_in_password(password, common_passwords)
            ),
        )
        if mistakes:
            raise Invalid(errors=mistakes)
        return cls(email, handle, password)


def email_key(email: str) -> str:
    """What two spellings of one address have in common."""
    return email.strip().casefold()


def is_email(email: str) -> bool:
    """Whether an account may have it as its address."""
    return not any(_wrong_in_email(email))


def _wrong_in_email(email: str) -> Iterator[str]:
    if len(email) > MAX_EMAIL:
        yield f"must have {MAX_EMAIL} characters at most"
    elif not _EMAIL.fullmatch(email) or ".." in email or ".@" in email or email.startswith("."):
        yield "must be an e-mail address such as name@example.com"


def _wrong_in_password(password: str, common: Collection[str]) -> Iterator[str]:
    if len(password) < PASSWORD_LENGTH.start:
        yield f"must have at least {PASSWORD_LENGTH.start} characters"
    if len(password) >= PASSWORD_LENGTH.stop:
        yield f"must have {PASSWORD_LENGTH.stop - 1} characters at most"
    if not any(character.isupper() for character in password):
        yield "must contain an upper-case letter"
    if not any(character.islower() for character in password):
        yield "must contain a lower-case letter"
    if not any(character.isdecimal() for character in password):
        yield "must contain a digit"
    if password.casefold() in common:
        yield "must not be one of the most common passwords"
