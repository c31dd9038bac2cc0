"""Signing keys at rest."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.security.box import Box, NotOpened
from shared.security.keys import SigningKey


class WrongSecret(Exception):  # noqa: N818 - reads as what it is
    """A signing key cannot be opened: SECRET_KEY is not the one it was sealed with."""


class Seal:
    """Seals and opens signing keys."""

    def __init__(self, secret: str) -> None:
        self._box = Box(secret, "signing-keys")

    def close(self, key: SigningKey) -> bytes:
        """The sealed private key; good for its own `kid` alone."""
        return self._box.close(key.private.private_bytes_raw(), key.kid.encode())

    def open(self, kid: str, sealed: bytes) -> SigningKey:
        """The key; raises `WrongSecret`."""
        try:
            private = self._box.open(sealed, kid.encode())
        except NotOpened:
            raise WrongSecret(
                f"The signing key {kid} was sealed with another SECRET_KEY. Start with that one, "
                "or delete the rows of auth.signing_keys, which logs everybody out."
            ) from None
        return SigningKey(kid, Ed25519PrivateKey.from_private_bytes(private))
