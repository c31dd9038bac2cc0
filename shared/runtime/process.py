"""The life of a process: start, serve, drain, end.

1. The address is taken, so that a port in use is known before anything is touched.
2. `before_start` of each service, in order; then the components; all of them are ready.
3. The process listens and says so.
4. SIGTERM or SIGINT, or the crash of a component: readiness turns false, no connection is
   accepted any more, requests under way are finished.
5. Components are cancelled and finish what they have in hand; then the `close` of each service.

Steps 4 and 5 share `drain_seconds`; a second signal ends the process at once.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager

import uvloop
from starlette.types import ASGIApp

from shared.clock import SystemClock
from shared.observability.logging import get_logger
from shared.runtime.components import Components
from shared.runtime.http_server import HttpServer, bind, url_of
from shared.runtime.memory import keep_freed_memory, look_for_cycles_rarely
from shared.runtime.readiness import Readiness
from shared.runtime.service import CannotStart, Service

log = get_logger(__name__)

_SPARE_SECONDS = 2.0
"""What components, and then each `close`, get at least when requests have used up the time."""


def run(
    services: Sequence[Service], app: ASGIApp, *, host: str, port: int, drain_seconds: float
) -> int:
    """Run a process until it is told to end; its exit code. See `serve`."""
    look_for_cycles_rarely()
    try:
        return uvloop.run(serve(services, app, host=host, port=port, drain_seconds=drain_seconds))
    except (CannotStart, OSError) as error:
        log.error("cannot_start", reason=str(error))  # noqa: TRY400 - the reason says it all
        return 1
    except Exception:
        log.exception("failed_to_start")
        return 1


async def serve(
    services: Sequence[Service],
    app: ASGIApp,
    *,
    host: str,
    port: int,
    drain_seconds: float,
    on_listening: Callable[[str], None] | None = None,
) -> int:
    """Run `services` and answer HTTP with `app` until told to end; the exit code: 0 after a clean
    drain, 1 when a component crashed or something had to be cut off.

    `on_listening` is called with the URL; port 0 takes a free port. What `before_start` raises
    comes out after everything has been closed.
    """
    keep_freed_memory()
    with bind(host, port) as bound:
        process = _Process(services, drain_seconds)
        with process.signals():
            return await process.live(app, bound, on_listening)


class _Process:
    def __init__(self, services: Sequence[Service], drain_seconds: float) -> None:
        self._services = services
        self._drain_seconds = drain_seconds
        self._clock = SystemClock()
        self._ending = asyncio.Event()
        self._deadline = 0.0
        self._clean = True
        self._components = Components(
            {f"{one.name}.{each.name}": each for one in services for each in one.components},
            on_crash=self._begin_to_end,
        )

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Answer SIGTERM and SIGINT while this lasts."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
            Readiness.draining = False

    def _on_signal(self, number: signal.Signals) -> None:
        if self._ending.is_set():
            log.warning("ended_at_once", signal=number.name)
            os._exit(128 + number)
        log.info("draining", signal=number.name, seconds=self._drain_seconds)
        self._begin_to_end()

    def _begin_to_end(self) -> None:
        if not self._ending.is_set():
            Readiness.draining = True
            self._deadline = self._clock.monotonic() + self._drain_seconds
            self._ending.set()

    async def live(
        self, app: ASGIApp, bound: socket.socket, on_listening: Callable[[str], None] | None
    ) -> int:
        """Start, serve until the end is near, end; the exit code."""
        try:
            if await self._unless_ending(self._start()):
                await self._answer(app, bound, on_listening)
        finally:
            self._begin_to_end()
            self._clean &= await self._components.stop(self._seconds_left())
            await self._close()
        return 0 if self._clean and not self._components.crashed else 1

    async def _start(self) -> None:
        for service in self._services:
            for step in service.before_start:
                await step()
        self._components.start()
        await self._components.ready()

    async def _answer(
        self, app: ASGIApp, bound: socket.socket, on_listening: Callable[[str], None] | None
    ) -> None:
        def started() -> None:
            log.info("listening", url=url_of(bound), services=[one.name for one in self._services])
            if on_listening is not None:
                on_listening(url_of(bound))

        server = HttpServer(app, self._drain_seconds, started)
        serving = asyncio.create_task(server.serve([bound]), name="http")
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait({serving, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
            server.should_exit = True
            await serving
        if server.unfinished:
            log.error("requests_cut_off", requests=server.unfinished)
            self._clean = False

    async def _unless_ending(self, work: Coroutine[None, None, None]) -> bool:
        """Do `work`, or cancel it when the process is told to end; whether it was done."""
        working = asyncio.create_task(work)
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
            working.cancel()
            await asyncio.wait({working})
        if working.cancelled():
            return False
        working.result()
        return True

    async def _close(self) -> None:
        for service in reversed(self._services):
            for step in service.close:
                try:
                    async with asyncio.timeout(self._seconds_left()):
                        await step()
                except Exception:
                    log.exception("close_failed", service=service.name)
                    self._clean = False

    def _seconds_left(self) -> float:
        return max(self._deadline - self._clock.monotonic(), _SPARE_SECONDS)
