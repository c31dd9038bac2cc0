"""Passwords are hashed in threads, with a bound on how many wait, behind everything else."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TypeVar

from auth_service.accounts.cores import give_way
from auth_service.accounts.hashes import Hashes, Verdict
from shared.errors import Unavailable

T = TypeVar("T")

MAX_WAITING_PER_CORE = 100
"""About 1.5 seconds of work; whoever comes later is told to try again."""
_SPREAD = 1.25
"""By how much one hash may take longer than another of its kind."""
_LONGEST_STEP = 1.0  # seconds


class TooBusy(Unavailable):
    """More people are logging in than there is time to check passwords."""

    code, title = "too_busy", "Too many people are logging in right now"


class Passwords:
    """Hashes and verifies passwords; more threads than cores would only cost memory."""

    def __init__(self, cores: int) -> None:
        self._threads = ThreadPoolExecutor(
            cores, thread_name_prefix="passwords", initializer=give_way
        )
        self._room = MAX_WAITING_PER_CORE * cores
        self._hashes = Hashes()
        self._step = 0.0  # seconds; see `check`

    async def hash(self, password: str) -> str:
        """A salted hash in the PHC string format."""
        return await self._run(lambda: self._hashes.make(password))

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Whether `hashed` is a hash of `password`; the same work is done for None."""
        return (await self.check(password, hashed)).is_right

    async def check(self, password: str, hashed: str | None) -> Verdict:
        """Whether `hashed` is a hash of `password`, and a new one if it was made in an old way.

        Old hashes take another time than new ones and nobody's. Once there are any, all refusals
        come in steps that are longer than the slowest of them, so that it cannot be told which it
        was; that costs waiting, not work.
        """
        started = perf_counter()
        verdict = await self._run(lambda: self._timed(password, hashed))
        if not verdict.is_right and self._step:
            waited = perf_counter() - started
            await asyncio.sleep(self._step - waited % self._step)
        return verdict

    def _timed(self, password: str, hashed: str | None) -> Verdict:
        started = perf_counter()
        verdict = self._hashes.verify(password, hashed)
        if hashed is not None and self._hashes.is_outdated(hashed):
            took = (perf_counter() - started) * _SPREAD
            self._step = min(max(self._step, took), _LONGEST_STEP)
        return verdict

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
