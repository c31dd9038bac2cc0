"""Secrets at rest: AES-256-GCM under a key derived from SECRET_KEY, another one for each use."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.security.keys import derive_key

_NONCE_BYTES = 12


class NotOpened(Exception):  # noqa: N818 - reads as what happened
    """Sealed with another SECRET_KEY, for another use or owner, or damaged."""


class Box:
    """Seals and opens what is kept for one `use`."""

    def __init__(self, secret: str, use: str) -> None:
        self._cipher = AESGCM(derive_key(secret, use))

    def close(self, content: bytes, owner: bytes) -> bytes:
        """`content` sealed, nonce first; it opens for the same `owner` alone."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, owner)

    def open(self, sealed: bytes, owner: bytes) -> bytes:
        """The content; raises `NotOpened`."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], owner)
        except InvalidTag:
            raise NotOpened from None
