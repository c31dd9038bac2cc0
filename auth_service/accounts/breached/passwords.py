"""Passwords known from breaches, which are guessed first."""

import hashlib
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from auth_service.accounts.breached.filter import Filter
from auth_service.accounts.password_rules import plain

SHIPPED = Path(__file__).with_name("shipped.filter")
"""What comes with the program; `python -m deploy.breached_passwords` makes it."""


class BreachedPasswords:
    """`password in breached`, without asking anybody; the operator may add a larger filter."""

    def __init__(self, larger: Path | None = None) -> None:
        self.filters = [Filter(path) for path in (SHIPPED, larger) if path is not None]

    def __contains__(self, password: object) -> bool:
        if not isinstance(password, str):
            return False
        digests = [digest_of(form) for form in _forms_of(password)]
        return any(digest in known for known in self.filters for digest in digests)


def digest_of(password: str) -> bytes:
    """The SHA-1 that lists of breached passwords hold; it protects nothing."""
    encoded = password.encode("utf-8", "surrogatepass")
    return hashlib.sha1(encoded, usedforsecurity=False).digest()


def _forms_of(password: str) -> Iterator[str]:
    # The shipped filter holds plain forms, others what somebody typed once.
    yield from dict.fromkeys((plain(password), password, unicodedata.normalize("NFKC", password)))
