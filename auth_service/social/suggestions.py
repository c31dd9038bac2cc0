"""The handle of somebody who has not chosen one: made of what the provider calls them."""

import re
import secrets
import unicodedata
from collections.abc import Iterator

from auth_service.accounts import handles
from auth_service.social.domain import Profile

_NUMBERED = range(2, 10)
_RANDOM = 20
_NOT_ALLOWED = re.compile(r"[^\w.-]+")
_ROOM = handles.LENGTH.stop - 1 - 6
"""Characters that leave room for a number."""


def suggestions(profile: Profile) -> Iterator[str]:
    """Handles to try in turn: as it is, then numbered in order, then at random."""
    base = _base(profile)
    yield base
    yield from (f"{base}{number}" for number in _NUMBERED)
    yield from (f"{base}{secrets.randbelow(900_000) + 100_000}" for _ in range(_RANDOM))


def _base(profile: Profile) -> str:
    local = (profile.email or "").partition("@")[0].partition("+")[0]
    for wish in (profile.handle, local, profile.name):
        found = _allowed(wish)
        if not any(handles.mistakes(found)):
            return found
    return "member"


def _allowed(wish: str) -> str:
    kept = _NOT_ALLOWED.sub("-", unicodedata.normalize("NFKC", wish)).lower()
    return handles.normal(kept.strip("._-")[:_ROOM].rstrip("._-"))
