"""Is it alive, is it ready, and how is everything behind it?"""

import asyncio
from collections.abc import Mapping
from typing import Literal

import httpx
import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.clients import Clients
from shared.clock import Clock
from shared.errors import Problem
from shared.runtime.readiness import CheckReport, Readiness, ReadinessReport
from shared.runtime.service import Check

_SECONDS = 1.0
_SPARE_SECONDS = 0.25
"""The services give each of their checks a second; their answer needs a moment more."""

_REPORT_SECONDS = 0.5
"""How long one report answers everybody: whoever asks often costs those behind us nothing."""

OPTIONAL = frozenset({"broker", "cache"})
"""Without these every request still works: events wait in the outbox, the cache is passed by."""

State = Literal["healthy", "degraded", "unhealthy"]


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """A service, or something that services need: its state, and milliseconds to find out."""

    status: State
    latency_ms: float
    reason: str | None = None


_IN_MEMORY = Part("healthy", 0.0, "in memory")
"""The cache where none is shared."""


class FullReport(msgspec.Struct, frozen=True):
    """The state of everything, by name; `api` is the gateway itself."""

    status: State
    services: dict[str, Part | Literal["healthy"]]


class Health:
    """The health pages; `checks` are of what the gateway itself uses, by name."""

    def __init__(
        self, clients: Clients, checks: Mapping[str, Check], clock: Clock, *, mock: bool = False
    ) -> None:
        self._clients = clients
        self._alive = {
            "status": "healthy",
            "service": "gateway",
            **({"mock": True} if mock else {}),
        }
        self._clock = clock
        self._readiness = Readiness({})
        self._used = Readiness(checks)
        self._asking = asyncio.Lock()
        self._report: FullReport | None = None
        self._reported_at = 0.0

    async def root(self, _: Request) -> Response:
        """`/`: a friendly word."""
        return JSONResponse({"message": "Madang is running", "status": "running"})

    async def alive(self, _: Request) -> Response:
        """`/health` and `/api/health`: touches nothing else; mock mode says what it is."""
        return JSONResponse(self._alive)

    async def ready(self, _: Request) -> Response:
        """`/health/ready`: whether a load balancer should send requests here."""
        report = await self._readiness.report()
        return JSONResponse(msgspec.to_builtins(report), 200 if report.status == "healthy" else 503)

    async def full(self, _: Request) -> Response:
        """`/health/full`: 503 when something that is needed is down."""
        report = await self.report()
        return JSONResponse(
            msgspec.to_builtins(report), 503 if report.status == "unhealthy" else 200
        )

    async def report(self) -> FullReport:
        """The state of everything, half a second old at most; many who ask at once ask together."""
        async with self._asking:
            age = self._clock.monotonic() - self._reported_at
            if self._report is None or age > _REPORT_SECONDS:
                self._report = await self._ask_everybody()
                self._reported_at = self._clock.monotonic()
            return self._report

    async def _ask_everybody(self) -> FullReport:
        """Ask every service at the same time and put the answers together."""
        *answers, used = await asyncio.gather(
            *(self._ask(one) for one in self._clients.values()), self._ask_ourselves()
        )
        parts: dict[str, Part | Literal["healthy"]] = {"api": "healthy"}
        shared: dict[str, Part] = {}
        for name, (part, _) in zip(self._clients, answers, strict=True):
            parts[name] = part
        for name, (_, checks) in zip((*self._clients, "gateway"), (*answers, used), strict=True):
            for check, report in checks.items():
                shared[check] = _worse(shared.get(check), report, name)
        parts |= {"cache": _IN_MEMORY} | shared
        return FullReport(_worst([part.status for part, _ in (*answers, used)]), parts)

    async def _ask_ourselves(self) -> tuple[Part, dict[str, CheckReport]]:
        checks = (await self._used.report()).checks
        state, reason = _state_of(ReadinessReport("healthy", checks))
        return Part(state, 0.0, reason), checks

    async def _ask(self, client: httpx.AsyncClient) -> tuple[Part, dict[str, CheckReport]]:
        started = self._clock.monotonic()
        checks: dict[str, CheckReport] = {}
        state: State = "unhealthy"
        reason: str | None = None
        try:
            async with asyncio.timeout(_SECONDS + _SPARE_SECONDS):
                response = await client.get("/health/ready")
            answer = msgspec.json.decode(response.content, type=ReadinessReport)
            checks = answer.checks
            state, reason = _state_of(answer)
        except TimeoutError:
            reason = "no answer in time"
        except (httpx.HTTPError, msgspec.MsgspecError, Problem) as error:
            reason = type(error).__name__
        latency = round((self._clock.monotonic() - started) * 1000, 2)
        return Part(state, latency, reason), checks


def _state_of(answer: ReadinessReport) -> tuple[State, str | None]:
    failed = [name for name, check in answer.checks.items() if check.status != "healthy"]
    if answer.status == "draining":
        return "unhealthy", "draining"
    if not failed:
        return "healthy", None
    state: State = "degraded" if OPTIONAL.issuperset(failed) else "unhealthy"
    return state, f"without {', '.join(sorted(failed))}"


def _worse(known: Part | None, report: CheckReport, service: str) -> Part:
    """One part out of what several services say about the same thing."""
    if report.status == "healthy":
        if known is None:
            return Part("healthy", report.latency_ms)
        slower = max(known.latency_ms, report.latency_ms)
        return msgspec.structs.replace(known, latency_ms=slower)
    return Part("unhealthy", report.latency_ms, f"{report.reason or 'failed'} ({service})")


def _worst(states: list[State]) -> State:
    if "unhealthy" in states:
        return "unhealthy"
    return "degraded" if "degraded" in states else "healthy"
