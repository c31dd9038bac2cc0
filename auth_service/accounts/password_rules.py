"""What a new password has to be."""

import re
import unicodedata
from collections.abc import Container, Iterable, Iterator

from shared.errors import FieldError, Invalid

LENGTH = range(8, 257)
"""Characters; the upper bound keeps the cost of one hash in hand."""

CONTEXT_WORDS = (
    "madang", "마당", "account", "admin", "administrator", "caption", "captions", "guest",
    "login", "moderator", "operator", "support", "user", "video",
)  # fmt: skip
"""What whoever knows this product tries first; listed in docs/accounts/passwords.md."""
_OF_CONTEXT_WORDS = re.compile(f"(?:{'|'.join(CONTEXT_WORDS)})+")
_NO_LETTERS = re.compile(r"[\W\d_]+")


def require_good(
    password: str, breached: Container[str], own_names: Iterable[str], field: str
) -> None:
    """Raise `Invalid`, which names every rule that is broken by what was sent as `field`."""
    if errors := tuple(FieldError(field, one) for one in mistakes(password, breached, own_names)):
        raise Invalid(errors=errors)


def plain(password: str) -> str:
    """The form in which passwords that guessers take for the same are compared."""
    return unicodedata.normalize("NFKC", password).lower()


def mistakes(password: str, breached: Container[str], own_names: Iterable[str]) -> Iterator[str]:
    """Every rule that `password` breaks; `own_names` are its owner's e-mail address and handle."""
    if len(password) < LENGTH.start:
        yield f"must have at least {LENGTH.start} characters"
    if len(password) >= LENGTH.stop:
        yield f"must have {LENGTH.stop - 1} characters at most"
        return  # nothing else is worth the time that a very long one takes
    if not any(character.isupper() for character in password):
        yield "must contain an upper-case letter"
    if not any(character.islower() for character in password):
        yield "must contain a lower-case letter"
    if not any(character.isdecimal() for character in password):
        yield "must contain a digit"
    if password in breached:
        yield "must not be a password that is known from data breaches"
    if plain(password) in map(plain, own_names):
        yield "must not be your e-mail address or your handle"
    if _OF_CONTEXT_WORDS.fullmatch(_NO_LETTERS.sub("", plain(password))):
        yield "must not be the name of the product or of a role, with digits or signs"
