"""Whether a process can do its work right now, and what is missing if it cannot."""

import asyncio
from collections.abc import Mapping
from typing import ClassVar, Literal

import msgspec

from shared.clock import SystemClock
from shared.observability.logging import get_logger
from shared.runtime.service import Check

log = get_logger(__name__)
CHECK_SECONDS = 1.0


class CheckReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of one check; `reason` never holds more than the kind of an error."""

    status: Literal["healthy", "unhealthy"]
    latency_ms: float
    reason: str | None = None


class ReadinessReport(msgspec.Struct, frozen=True):
    """`healthy` when every check passes and the process is not about to end."""

    status: Literal["healthy", "unhealthy", "draining"]
    checks: dict[str, CheckReport]


class Readiness:
    """Runs named checks at the same time, each for a second at most."""

    draining: ClassVar[bool] = False
    """True from the moment the process is told to end; a fact of the process, so every
    Readiness in it reports the same."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._clock = SystemClock()

    async def report(self) -> ReadinessReport:
        """Run every check and return their states and latencies."""
        reports = await asyncio.gather(*(self._run(*one) for one in self._checks.items()))
        checks = dict(zip(self._checks, reports, strict=True))
        if self.draining:
            return ReadinessReport("draining", checks)
        well = all(one.status == "healthy" for one in reports)
        return ReadinessReport("healthy" if well else "unhealthy", checks)

    async def _run(self, name: str, check: Check) -> CheckReport:
        started = self._clock.monotonic()
        reason = None
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await check()
        except TimeoutError:
            reason = f"no answer within {CHECK_SECONDS:g} s"
            log.warning("check_failed", check=name, reason=reason)
        except Exception as error:
            reason = type(error).__name__
            log.warning("check_failed", check=name, exc_info=error)
        latency_ms = round((self._clock.monotonic() - started) * 1000, 2)
        return CheckReport("unhealthy" if reason else "healthy", latency_ms, reason)
