"""What people tell of themselves, and its rules."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from zoneinfo import available_timezones

import msgspec
from msgspec import UNSET, UnsetType

from auth_service.accounts import handles
from auth_service.accounts.domain import Account
from shared.errors import FieldError, Invalid, UnsupportedType

LONGEST_NAME = 60
LONGEST_BIO = 500
_LONGEST_LOOKED_AT = 4 * LONGEST_BIO + 4
"""Characters. Composing takes time by the square of the length, and makes one of four at most: what
is longer than this stays too long."""
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?")
"""The language, script and region of BCP 47."""
_SHOWN = ("L", "M", "N", "P", "S")
"""The categories of characters that can be seen."""


class NotAPicture(UnsupportedType):
    """The picture is of no type that we know, is damaged, or has too many pixels."""

    code, title = "not_a_picture", "Send a PNG, JPEG, WebP or GIF picture"


class Changes(msgspec.Struct, frozen=True):
    """What somebody wants to change of their profile; the rest stays as it is."""

    display_name: str | UnsetType = UNSET
    bio: str | UnsetType = UNSET
    user_handle: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET

    def applied_to(self, account: Account) -> Account:
        """The changed account; raises `Invalid` naming every rule that is broken."""
        changed = msgspec.structs.replace(
            account,
            display_name=_or(self.display_name, account.display_name),
            bio=_or(self.bio, account.bio),
            handle=handles.normal(_or(self.user_handle, account.handle)),
            language=_or(self.language, account.language),
            time_zone=_or(self.time_zone, account.time_zone),
        )
        if mistakes := tuple(_mistakes(account, changed)):
            raise Invalid(errors=mistakes)
        return changed


def _or(wanted: str | UnsetType, present: str) -> str:
    if wanted is UNSET:
        return present
    return unicodedata.normalize("NFC", wanted.strip()[:_LONGEST_LOOKED_AT])


def _mistakes(before: Account, after: Account) -> Iterator[FieldError]:
    if after.handle != before.handle:  # an older one may break a newer rule
        for message in handles.mistakes(after.handle):
            yield FieldError("user_handle", message)
    if len(after.display_name) > LONGEST_NAME:
        yield FieldError("display_name", f"must have {LONGEST_NAME} characters at most")
    if not after.display_name.isprintable() or not _can_be_seen(after.display_name):
        yield FieldError("display_name", "must be one line of characters that can be seen")
    if len(after.bio) > LONGEST_BIO:
        yield FieldError("bio", f"must have {LONGEST_BIO} characters at most")
    if not after.bio.replace("\n", "").isprintable():
        yield FieldError("bio", "must consist of printable characters and line feeds")
    if not _LANGUAGE.fullmatch(after.language):
        yield FieldError("language", "must be a BCP 47 tag such as ko or en-US")
    if after.time_zone not in _time_zones():
        yield FieldError("time_zone", "must be a name of the IANA database such as Asia/Seoul")


def _can_be_seen(name: str) -> bool:
    return not name or any(unicodedata.category(one).startswith(_SHOWN) for one in name)


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())  # walks through a directory
