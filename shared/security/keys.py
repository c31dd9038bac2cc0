"""Ed25519 keys, and keys derived from the secret that an installation shares."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """The public half of a key pair, known by its `kid`."""

    kid: str
    public: Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair; `kid` is the thumbprint of its public half (RFC 7638, RFC 8037, A.3)."""

    kid: str
    private: Ed25519PrivateKey

    @classmethod
    def generate(cls) -> "SigningKey":
        """A new random key pair."""
        return cls.of(Ed25519PrivateKey.generate())

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> "SigningKey":
        """The key pair of `private`."""
        return cls(thumbprint(private.public_key()), private)

    @property
    def verification(self) -> VerificationKey:
        """What others need to verify what this key signs."""
        return VerificationKey(self.kid, self.private.public_key())


class Keys(Protocol):
    """Where a verifier finds keys: auth's own ring, or the published set of another process."""

    async def find(self, kid: str) -> VerificationKey | None:
        """The trusted key of that id; raises `Unavailable` when it cannot be known now."""
        ...

    def on_withdrawn(self, told: Callable[[str], None]) -> None:
        """Call `told` with the id of each key that is trusted no more."""
        ...


def thumbprint(public: Ed25519PublicKey) -> str:
    """The JWK thumbprint of a public key, 43 characters of base64url."""
    members = {"crv": "Ed25519", "kty": "OKP", "x": encode_base64url(public.public_bytes_raw())}
    canonical = msgspec.json.encode(members, order="sorted")
    return encode_base64url(hashlib.sha256(canonical).digest())


def derive_key(secret: str, use: str) -> bytes:
    """32 bytes for one `use` alone, from the installation's secret (HKDF-SHA256, RFC 5869)."""
    return HKDF(SHA256(), length=32, salt=None, info=f"madang/{use}".encode()).derive(
        secret.encode()
    )


def encode_base64url(data: bytes) -> str:
    """Unpadded base64url, as JOSE wants it (RFC 7515, appendix C)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()
