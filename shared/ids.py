"""Identifiers that sort by the time of their making (UUID version 7, RFC 9562, 5.7)."""

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last_ms = 0
_sequence = 0


def uuid7() -> UUID:
    """A new UUIDv7: 48 bits of Unix milliseconds, a 12-bit counter, 62 random bits.

    Ids made by one process are strictly increasing, even within one millisecond
    (RFC 9562, 6.2, method 1).
    """
    global _last_ms, _sequence
    with _lock:
        now = time.time_ns() // 1_000_000
        if now > _last_ms:
            _last_ms, _sequence = now, int.from_bytes(os.urandom(2)) & 0x3FF
        else:
            _sequence += 1
            if _sequence > 0xFFF:
                _last_ms, _sequence = _last_ms + 1, 0
        ms, sequence = _last_ms, _sequence
    random = int.from_bytes(os.urandom(8)) & (1 << 62) - 1
    return UUID(int=ms << 80 | 0x7 << 76 | sequence << 64 | 0b10 << 62 | random)
