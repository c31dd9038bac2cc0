"""API keys as text, and how the gateway asks auth whose one is.

A key reads `mdg_`, 43 characters of randomness, and 6 of a checksum, all letters and digits: one
word to select, a pattern for scanners of leaked secrets, and a typing mistake needs no look-up.
"""

import string
from datetime import datetime
from enum import StrEnum
from zlib import crc32

import msgspec

from shared.errors import Unauthenticated

PREFIX = "mdg_"
RANDOM_BYTES = 32
EXCHANGE_PATH = "/internal/api-keys/exchange"
HEADER = "X-API-Key"

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BODY_LENGTH = 43
_CHECKSUM_LENGTH = 6
_LENGTH = len(PREFIX) + _BODY_LENGTH + _CHECKSUM_LENGTH


class Refusal(StrEnum):
    """Why a key is not accepted."""

    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REVOKED = "revoked"
    OWNER_SUSPENDED = "owner_suspended"


_DETAILS = {
    Refusal.MALFORMED: "This is not a whole API key: it must read as it was shown when it was "
    f"made, {_LENGTH} characters beginning with {PREFIX}.",
    Refusal.UNKNOWN: "There is no such API key.",
    Refusal.EXPIRED: "The API key has expired; make another one.",
    Refusal.REVOKED: "The API key has been revoked; make another one.",
    Refusal.OWNER_SUSPENDED: "The account of the API key has been suspended.",
}


class ApiKeyInvalid(Unauthenticated):
    """The API key is not accepted; the member `reason` says why."""

    code, title = "api_key_invalid", "The API key is not valid"

    def __init__(self, reason: Refusal = Refusal.UNKNOWN) -> None:
        super().__init__(
            _DETAILS[reason],
            headers={"www-authenticate": 'Bearer realm="madang", error="invalid_token"'},
            members={"reason": reason},
        )


class KeyShown(msgspec.Struct, frozen=True):
    """What the gateway sends to `EXCHANGE_PATH`."""

    key: str


class KeyExchange(msgspec.Struct, frozen=True):
    """What auth answers: an access token and its end, or why there is none."""

    access_token: str = ""
    expires_at: datetime | None = None
    refusal: Refusal | None = None


def key_of(secret: bytes) -> str:
    """The key that holds `secret`, which has `RANDOM_BYTES`."""
    body = _base62(int.from_bytes(secret), _BODY_LENGTH)
    return PREFIX + body + _checksum(body)


def is_well_formed(key: str) -> bool:
    """Whether `key` can be one of ours; no secret is needed to say so, and none is told."""
    if len(key) != _LENGTH or not key.startswith(PREFIX):
        return False
    body, checksum = key[len(PREFIX) : -_CHECKSUM_LENGTH], key[-_CHECKSUM_LENGTH:]
    return body.isascii() and _checksum(body) == checksum


def _checksum(body: str) -> str:
    return _base62(crc32(body.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
