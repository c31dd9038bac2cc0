"""Private keys at rest: AES-256-GCM under a key derived from SECRET_KEY."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.security.keys import SigningKey, derive_key

_NONCE_BYTES = 12


class WrongSecret(Exception):  # noqa: N818 - reads as what it is
    """A signing key cannot be opened: SECRET_KEY is not the one it was sealed with."""


class Seal:
    """Seals and opens signing keys."""

    def __init__(self, secret: str) -> None:
        self._cipher = AESGCM(derive_key(secret, "signing-keys"))

    def close(self, key: SigningKey) -> bytes:
        """The sealed private key, nonce first; good for its own `kid` alone."""
        nonce = os.urandom(_NONCE_BYTES)
        private = key.private.private_bytes_raw()
        return nonce + self._cipher.encrypt(nonce, private, key.kid.encode())

    def open(self, kid: str, sealed: bytes) -> SigningKey:
        """The key; raises `WrongSecret`."""
        nonce, encrypted = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            private = self._cipher.decrypt(nonce, encrypted, kid.encode())
        except InvalidTag:
            raise WrongSecret(
                f"The signing key {kid} was sealed with another SECRET_KEY. Start with that one, "
                "or delete the rows of auth.signing_keys, which logs everybody out."
            ) from None
        return SigningKey(kid, Ed25519PrivateKey.from_private_bytes(private))
