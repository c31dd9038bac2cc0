"""Signatures as Standard Webhooks 1.0 has them: HMAC-SHA256 over id, time and body."""

import secrets
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from hmac import digest
from uuid import UUID

_SECRET_BYTES = 32
_PREFIX = "whsec_"


def new_secret() -> bytes:
    """A key that nobody can guess."""
    return secrets.token_bytes(_SECRET_BYTES)


def shown(secret: bytes) -> str:
    """The key as its owner gives it to a library that verifies."""
    return _PREFIX + b64encode(secret).decode()


def signed_headers(
    delivery: UUID, now: datetime, body: bytes, keys: Iterable[bytes]
) -> dict[str, str]:
    """What says whom `body` is from: a signature for each of `keys`, one of which is known."""
    timestamp = str(int(now.timestamp()))
    content = f"{delivery}.{timestamp}.".encode() + body
    signatures = (f"v1,{b64encode(digest(key, content, sha256)).decode()}" for key in keys)
    return {
        "webhook-id": str(delivery),
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }
