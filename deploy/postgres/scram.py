"""What PostgreSQL stores of a password, so that no password travels in a statement."""

import hashlib
import hmac
import os
from base64 import b64encode

_ITERATIONS = 4096


def scram_verifier(password: str) -> str:
    """The SCRAM-SHA-256 verifier of an ASCII `password` (RFC 5802, 3; RFC 7677)."""
    if not password.isascii():
        raise ValueError("a database password may hold ASCII characters only")
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    text = [b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{text[0]}${text[1]}:{text[2]}"
