"""`Upload-Checksum` (tus 1.0, Checksum): an algorithm, and the digest of one request's bytes."""

import binascii
import hashlib
import hmac
import zlib
from base64 import b64decode
from collections.abc import Callable
from typing import Protocol

from content_service.uploads.domain import ChecksumMismatch, ChecksumUnsupported
from shared.errors import FieldError, Invalid

HEADER = "Upload-Checksum"


class _Digest(Protocol):
    def update(self, block: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, block: bytes, /) -> None:
        self._value = zlib.crc32(block, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4)


_DIGESTS: dict[str, Callable[[], _Digest]] = {
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "crc32": _Crc32,
}
ALGORITHMS = tuple(_DIGESTS)


class Checksum:
    """Reckons the digest of what it is fed, and compares it with the one that was sent."""

    def __init__(self, algorithm: str, expected: bytes) -> None:
        self._algorithm = algorithm
        self._expected = expected
        self._digest = _DIGESTS[algorithm]()
        self.update = self._digest.update

    @classmethod
    def of(cls, header: str) -> "Checksum":
        """Read the header; raises `ChecksumUnsupported` or `Invalid`."""
        algorithm, _, encoded = header.strip().partition(" ")
        if algorithm not in _DIGESTS:
            raise ChecksumUnsupported(f"{algorithm!r} is none of {', '.join(ALGORITHMS)}.")
        try:
            expected = b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            expected = b""
        size = len(_DIGESTS[algorithm]().digest())
        if len(expected) != size:
            message = f"must be {algorithm!r}, a space, and its {size} bytes in Base64"
            raise Invalid(errors=(FieldError(HEADER, message),))
        return cls(algorithm, expected)

    def verify(self) -> None:
        """Raise `ChecksumMismatch` unless what came is what was sent."""
        if not hmac.compare_digest(self._digest.digest(), self._expected):
            raise ChecksumMismatch(
                f"The {self._algorithm} of these bytes is another; none of them was kept. "
                "Send them again."
            )
