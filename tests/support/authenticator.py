"""An authenticator of WebAuthn in software: makes passkeys and uses them, as a browser tells it.

It answers as `toJSON()` of a credential does. What it says of itself can be changed, so that tests
can see what is refused.
"""

import hashlib
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

ORIGIN = "http://localhost:8000"
_ES256 = -7
_AAGUID = bytes(16)


@dataclass
class Key:
    """One passkey: its pair of keys, whose it is, and how often it was used."""

    id: bytes
    private: ec.EllipticCurvePrivateKey
    user_handle: bytes
    count: int = 0


@dataclass
class Authenticator:
    """A device whose user is there and unlocks it, unless it is told otherwise.

    `counts` tells one that counts its signatures from one that always says 0; `rp_id`, when set,
    is what it signs for instead of what it was asked.
    """

    origin: str = ORIGIN
    verifies: bool = True
    present: bool = True
    counts: bool = True
    backed_up: bool = False
    rp_id: str | None = None
    keys: list[Key] = field(default_factory=list)

    def create(self, options: dict[str, Any], *, packed: bool = False) -> dict[str, Any]:
        """`navigator.credentials.create({publicKey: options})`; `packed` signs the attestation."""
        private = ec.generate_private_key(ec.SECP256R1())
        key = Key(os.urandom(16), private, decoded(options["user"]["id"]))
        self.keys.append(key)
        attested = _AAGUID + len(key.id).to_bytes(2, "big") + key.id + cbor2.dumps(_cose(private))
        data = self._data(options["rp"]["id"], key, attested)
        client = self._client("webauthn.create", options["challenge"])
        statement: dict[str, Any] = {}
        if packed:
            statement = {"alg": _ES256, "sig": _sign(key, data, client)}
        attestation = {
            "fmt": "packed" if packed else "none",
            "attStmt": statement,
            "authData": data,
        }
        return {
            "id": encoded(key.id),
            "rawId": encoded(key.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encoded(client),
                "attestationObject": encoded(cbor2.dumps(attestation)),
                "transports": ["internal"],
            },
        }

    def use(self, options: dict[str, Any], key: Key | None = None) -> dict[str, Any]:
        """`navigator.credentials.get({publicKey: options})` with one of the keys."""
        allowed = {decoded(one["id"]) for one in options.get("allowCredentials", ())}
        key = key or next(one for one in self.keys if not allowed or one.id in allowed)
        if self.counts:
            key.count += 1
        data = self._data(options["rpId"], key)
        client = self._client("webauthn.get", options["challenge"])
        return {
            "id": encoded(key.id),
            "rawId": encoded(key.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encoded(client),
                "authenticatorData": encoded(data),
                "signature": encoded(_sign(key, data, client)),
                "userHandle": encoded(key.user_handle),
            },
        }

    def _data(self, rp_id: str, key: Key, attested: bytes = b"") -> bytes:
        flags = (
            (0x01 if self.present else 0)
            | (0x04 if self.verifies else 0)
            | (0x18 if self.backed_up else 0)
            | (0x40 if attested else 0)
        )
        rp = hashlib.sha256((self.rp_id or rp_id).encode()).digest()
        return rp + bytes([flags]) + key.count.to_bytes(4, "big") + attested

    def _client(self, kind: str, challenge: str) -> bytes:
        told = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(told).encode()


def encoded(data: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """The bytes of that."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _cose(private: ec.EllipticCurvePrivateKey) -> dict[int, Any]:
    point = private.public_key().public_numbers()
    return {
        1: 2,
        3: _ES256,
        -1: 1,
        -2: point.x.to_bytes(32, "big"),
        -3: point.y.to_bytes(32, "big"),
    }


def _sign(key: Key, data: bytes, client: bytes) -> bytes:
    return key.private.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
