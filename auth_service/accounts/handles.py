"""Handles: which are allowed, and which are too much alike to be two people's."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

LENGTH = range(3, 31)
RESERVED = frozenset(
    {
        "abuse", "admin", "administrator", "anonymous", "api", "everyone", "guest", "help",
        "hostmaster", "madang", "moderator", "no-reply", "noreply", "null", "official",
        "postmaster", "privacy", "root", "security", "staff", "support", "system", "team",
        "undefined", "webmaster",
    }
)  # fmt: skip
"""Names by which people would take their owner for somebody in charge (RFC 2142, and the usual)."""
GUEST_PREFIX = "guest-"
_LONGEST_LOOKED_AT = 300
"""Characters. Composing takes time by the square of the length, and makes one of four at most: what
is longer than this stays too long."""

_CHARACTERS = re.compile(r"[^\W_][\w.-]*")
_CONFUSABLES = Path(__file__).with_name("confusables.txt")
_TOGETHER = tuple(
    frozenset(scripts.split())
    for scripts in ("LATIN HANGUL CJK", "LATIN CJK HIRAGANA KATAKANA", "LATIN CJK BOPOMOFO")
)
"""Scripts that are written together (Unicode TS 39, 5.2, "highly restrictive")."""


def normal(handle: str) -> str:
    """The form that is stored and shown: no white space around it, one form per character."""
    return unicodedata.normalize("NFKC", handle.strip()[:_LONGEST_LOOKED_AT])


def key(handle: str) -> str:
    """What handles that people take for the same have in common: case and width do not count."""
    return normal(handle).casefold()


def skeleton(handle: str) -> str:
    """What handles that look alike have in common (Unicode TS 39, 4)."""
    once = _alike(normal(handle))
    return _alike(once)  # again, for what begins to look like something else in small letters


def mistakes(handle: str) -> Iterator[str]:
    """What is wrong with a handle in its normal form."""
    if len(handle) not in LENGTH:
        yield f"must have {LENGTH.start} to {LENGTH.stop - 1} characters"
    if handle and not _CHARACTERS.fullmatch(handle):
        yield "must consist of letters, digits, '_', '.' and '-', and begin with a letter or digit"
    elif not _is_written_together(scripts := _scripts(handle)):
        names = " and ".join(sorted(script.title() for script in scripts))
        yield f"must not mix letters of {names}, which can be mistaken for each other"
    if key(handle) in RESERVED or key(handle).startswith(GUEST_PREFIX):
        yield "is reserved; choose another one"


def _alike(text: str) -> str:
    letters = unicodedata.normalize("NFD", text).translate(_prototypes())
    return unicodedata.normalize("NFD", letters).casefold()


def _scripts(handle: str) -> frozenset[str]:
    # The first word of a letter's name is its script: LATIN SMALL LETTER A, HANGUL SYLLABLE GA.
    names = (unicodedata.name(one, "?") for one in handle if one.isalpha())
    return frozenset(name.partition(" ")[0] for name in names)


def _is_written_together(scripts: frozenset[str]) -> bool:
    return len(scripts) < 2 or any(scripts <= together for together in _TOGETHER)


@cache
def _prototypes() -> dict[int, str]:
    found: dict[int, str] = {}
    for line in _CONFUSABLES.read_text(encoding="utf-8").splitlines():
        prototype, alike = line.split("\t")
        found |= dict.fromkeys(map(ord, alike), prototype)
    return found
