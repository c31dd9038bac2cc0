"""Password hashes: argon2id, in threads, with a bound on how many wait."""

import asyncio
import os
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from shared.errors import Unavailable

T = TypeVar("T")

# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane; 15 ms a hash.
_PASSES, _KIBIBYTES, _LANES = 2, 19 * 1024, 1
MAX_WAITING_PER_CORE = 100
"""About 1.5 seconds of work; whoever comes later is told to try again."""
_COMMON_PASSWORDS = Path(__file__).with_name("common_passwords.txt")


class TooBusy(Unavailable):
    """More people are logging in than there is time to check passwords."""

    code, title = "too_busy", "Too many people are logging in right now"


class Passwords:
    """Hashes and verifies passwords; more threads than cores would only cost memory."""

    def __init__(self) -> None:
        cores = os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(cores, thread_name_prefix="passwords")
        self._room = MAX_WAITING_PER_CORE * cores
        self._hasher = PasswordHasher(_PASSES, _KIBIBYTES, _LANES)
        self._nobodys_hash = self._hasher.hash(secrets.token_hex())

    async def hash(self, password: str) -> str:
        """A salted hash in the PHC string format."""
        return await self._run(lambda: self._hasher.hash(_normal(password)))

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Whether `hashed` is the hash of `password`.

        For a user who does not exist (None) a hash is verified all the same, so that the time
        does not tell who has an account.
        """
        right = await self._run(lambda: self._matches(password, hashed or self._nobodys_hash))
        return right and hashed is not None

    def _matches(self, password: str, hashed: str) -> bool:
        try:
            return self._hasher.verify(hashed, _normal(password))
        except VerifyMismatchError:
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._room <= 0:
            raise TooBusy(headers={"retry-after": "2"})
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._room += 1

    async def close(self) -> None:
        """Let the hash under way finish and end the threads."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)


def common_passwords() -> frozenset[str]:
    """Passwords that satisfy every other rule and are guessed first, in lower case."""
    return frozenset(_COMMON_PASSWORDS.read_text(encoding="utf-8").split())


def _normal(password: str) -> bytes:
    # One password typed on two systems may come in two encodings (NIST SP 800-63B, 5.1.1.2).
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
