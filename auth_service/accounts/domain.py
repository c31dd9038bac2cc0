"""Accounts, and the rules for their e-mail address, handle and password."""

import re
from collections.abc import Container, Iterator
from datetime import datetime

import msgspec

from auth_service.accounts import handles, password_rules
from shared.errors import Conflict, FieldError, Forbidden, Invalid, Unauthenticated
from shared.security.principal import UserId

MAX_EMAIL = 254
"""Characters (RFC 5321, 4.5.3.1.3, less the angle brackets)."""

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


class EmailNotVerified(Forbidden):
    """Only who has confirmed their e-mail address may log in here."""

    code, title = "email_not_verified", "Confirm your e-mail address first"


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
        cls, email: str, handle: str, password: str, breached: Container[str]
    ) -> "Registration":
        """Normalise and check; raises `Invalid` naming every rule that is broken."""
        email, handle = email.strip(), handles.normal(handle)
        mistakes = (
            *(FieldError("email", message) for message in _wrong_in_email(email)),
            *(FieldError("user_handle", message) for message in handles.mistakes(handle)),
            *(
                FieldError("password", message)
                for message in password_rules.mistakes(password, breached, (email, handle))
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


def checked_email(email: str) -> str:
    """`email` without spaces around it; raises `Invalid`."""
    email = email.strip()
    if errors := tuple(FieldError("email", message) for message in _wrong_in_email(email)):
        raise Invalid(errors=errors)
    return email


def _wrong_in_email(email: str) -> Iterator[str]:
    if len(email) > MAX_EMAIL:
        yield f"must have {MAX_EMAIL} characters at most"
    elif not _EMAIL.fullmatch(email) or ".." in email or ".@" in email or email.startswith("."):
        yield "must be an e-mail address such as name@example.com"
