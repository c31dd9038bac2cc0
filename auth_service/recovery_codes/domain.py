"""Recovery codes: written down once, each good for one use, for whoever has lost the rest."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable

from shared.errors import FieldError, Invalid
from shared.security.principal import UserId

CODES = 10
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base32: nothing that could be taken for something else."""
_GROUPS, _LETTERS = 3, 4
"""xxxx-xxxx-xxxx: 60 bits."""
_LOOK_ALIKES = str.maketrans({"o": "0", "i": "1", "l": "1", "-": "", " ": ""})
_NORMAL = re.compile(f"[{_ALPHABET}]{{{_GROUPS * _LETTERS}}}")


def new_codes() -> tuple[str, ...]:
    """Ten codes as their owner keeps them."""
    return tuple(_code() for _ in range(CODES))


def normal_form(text: str) -> str:
    """What all ways to write a code have in common; raises `Invalid`."""
    code = text.strip().lower().translate(_LOOK_ALIKES)
    if not _NORMAL.fullmatch(code):
        message = "must be a recovery code such as 4kzm-09qw-7txc"
        raise Invalid(errors=(FieldError("recovery_code", message),))
    return code


class CodeHasher:
    """Makes what is kept of codes: without the key, 60 bits cannot be guessed from it either."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def hash(self, owner: UserId, code: str) -> bytes:
        """The HMAC-SHA256 of one owner's code, however it is written; raises `Invalid`."""
        return hmac.digest(self._key, owner.bytes + normal_form(code).encode(), hashlib.sha256)

    def hashes(self, owner: UserId, codes: Iterable[str]) -> list[bytes]:
        """The same of several."""
        return [self.hash(owner, code) for code in codes]


def _code() -> str:
    letters = [secrets.choice(_ALPHABET) for _ in range(_GROUPS * _LETTERS)]
    return "-".join("".join(letters[at : at + _LETTERS]) for at in range(0, len(letters), _LETTERS))
