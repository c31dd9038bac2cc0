"""Secrets that cannot be guessed: 256 random bits, of which a hash is kept."""

import hashlib
import secrets
from typing import NamedTuple

_RANDOM_BYTES = 32


class Secret(NamedTuple):
    """A new secret for its holder, and the hash that is kept."""

    token: str
    hash: bytes


def new_secret(prefix: str = "") -> Secret:
    """256 random bits; no salt and no slow hash are needed for what cannot be guessed."""
    token = prefix + secrets.token_urlsafe(_RANDOM_BYTES)
    return Secret(token, hash_of(token))


def hash_of(token: str) -> bytes:
    """The SHA-256 under which a secret is kept."""
    return hashlib.sha256(token.encode()).digest()
