"""Brings back what crashed workers have left behind."""

import asyncio

from jobs_service.work.use_cases import SweepJobs
from shared.db.away import DatabaseAway
from shared.observability.logging import get_logger
from shared.runtime.service import Ready

log = get_logger(__name__)
SWEEP_SECONDS = 1.0


class Sweeper:
    """Sweeps every second; safe to run in several processes, since each row moves once."""

    def __init__(self, sweep: SweepJobs) -> None:
        self._sweep = sweep

    async def run(self, ready: Ready) -> None:
        """Sweep until cancelled."""
        ready()
        while True:
            try:
                if moved := await self._sweep():
                    log.info("jobs_swept", jobs=moved)
            except DatabaseAway:
                log.warning("sweep_failed")
            await asyncio.sleep(SWEEP_SECONDS)
