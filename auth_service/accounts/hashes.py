"""Hashes of passwords: argon2id for new ones, and what users bring from elsewhere."""

import re
import secrets
import unicodedata
from typing import NamedTuple

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from shared.observability.logging import get_logger

log = get_logger(__name__)

# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane; 15 ms a hash.
_PASSES, _KIBIBYTES, _LANES = 2, 19 * 1024, 1
_BCRYPT = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")
_BCRYPT_BYTES = 72
"""What bcrypt looks at; the programs that made such hashes ignored the rest."""


class Verdict(NamedTuple):
    """Whether a password was right, and its new hash if the one that is stored is outdated."""

    is_right: bool
    renewed: str | None = None


class Hashes:
    """Makes and verifies hashes; slow by intent, so not for the event loop."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(_PASSES, _KIBIBYTES, _LANES)
        self._nobodys_hash = self._hasher.hash(secrets.token_hex())

    def make(self, password: str) -> str:
        """A salted hash in the PHC string format."""
        return self._hasher.hash(_normal(password))

    def verify(self, password: str, hashed: str | None) -> Verdict:
        """Whether `hashed` is a hash of `password`.

        Without a hash (nobody's, or of somebody who has no password) one is verified all the same,
        so that the time does not tell who has an account and a password.
        """
        if hashed is None:
            self._matches_argon2(password, self._nobodys_hash)
            return Verdict(is_right=False)
        if not self._matches(password, hashed):
            return Verdict(is_right=False)
        can_renew = self.is_outdated(hashed) and not _was_cut(password, hashed)
        return Verdict(True, self.make(password) if can_renew else None)

    def is_outdated(self, hashed: str) -> bool:
        """Whether a new hash would be made in another way."""
        try:
            return self._hasher.check_needs_rehash(hashed)
        except InvalidHashError:
            return True

    def _matches(self, password: str, hashed: str) -> bool:
        try:
            if _BCRYPT.fullmatch(hashed):
                return _matches_bcrypt(password, hashed)
            return self._matches_argon2(password, hashed)
        except (ValueError, VerificationError):  # what argon2 and bcrypt cannot read
            log.error("password_hash_not_readable", kind=hashed[:10])  # noqa: TRY400
            return self._matches_argon2(password, self._nobodys_hash) and False

    def _matches_argon2(self, password: str, hashed: str) -> bool:
        try:
            return self._hasher.verify(hashed, _normal(password))
        except VerifyMismatchError:
            return False


def _matches_bcrypt(password: str, hashed: str) -> bool:
    # Who made the hash may have taken the characters as they were typed.
    forms = dict.fromkeys((_encoded(password), _normal(password)))
    return any(bcrypt.checkpw(form[:_BCRYPT_BYTES], hashed.encode()) for form in forms)


def _was_cut(password: str, hashed: str) -> bool:
    """Whether an end of `password` was not looked at: it may be wrong, and must not be kept."""
    return hashed.startswith("$2") and len(_encoded(password)) > _BCRYPT_BYTES


def _normal(password: str) -> bytes:
    # One password typed on two systems may come in two encodings (NIST SP 800-63B, 5.1.1.2).
    return _encoded(unicodedata.normalize("NFKC", password))


def _encoded(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
