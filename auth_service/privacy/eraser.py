"""Erases who is due, now and then, and at once where there is no grace."""

import asyncio

from auth_service.privacy.use_cases import EraseDue
from shared.errors import Unavailable
from shared.observability.logging import get_logger
from shared.runtime.service import Ready
from shared.runtime.waiting import happens_within

log = get_logger(__name__)

_POLL_SECONDS = 60.0


class Eraser:
    """The component that looks for accounts whose time has come."""

    def __init__(self, erase_due: EraseDue) -> None:
        self._erase_due = erase_due
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look now."""
        self._woken.set()

    async def run(self, ready: Ready) -> None:
        """Look until cancelled."""
        ready()
        while True:
            self._woken.clear()
            try:
                await self._erase_due()
            except Unavailable as error:
                log.warning("erasure_held_up", error=repr(error.__cause__ or error))
            await happens_within(_POLL_SECONDS, self._woken)
