"""Runs a process's background components, and ends them in good order.

They are tasks of our own and not of an `asyncio.TaskGroup`: a group cancels every task at the
first crash, while here requests under way are finished before the components are stopped.
"""

import asyncio
from collections.abc import Callable, Mapping

from shared.observability.logging import get_logger
from shared.runtime.service import Component
from shared.runtime.waiting import happens_within

log = get_logger(__name__)


class Components:
    """Every component of a process by its full name; none is restarted.

    `on_crash` is called when one raises, or ends without being told to; `crashed` says so.
    """

    def __init__(self, components: Mapping[str, Component], on_crash: Callable[[], None]) -> None:
        self._components = components
        self._on_crash = on_crash
        self._tasks: set[asyncio.Task[None]] = set()
        self._unready = set(components)
        self._all_ready = asyncio.Event()
        self._stopping = False
        self.crashed = False

    def start(self) -> None:
        """Start every component."""
        for name, component in self._components.items():
            self._tasks.add(asyncio.create_task(self._run(name, component), name=name))
        if not self._unready:
            self._all_ready.set()

    async def ready(self, *, remind_seconds: float = 10) -> None:
        """Wait until every component does its work; the log tells who is being waited for."""
        while not await happens_within(remind_seconds, self._all_ready):
            log.warning("still_waiting", components=sorted(self._unready))

    async def stop(self, seconds: float) -> bool:
        """Cancel every component and give them `seconds` to finish what they have in hand;
        whether all have."""
        self._stopping = True
        running = {task for task in self._tasks if not task.done()}
        for task in running:
            task.cancel()
        if not running:
            return True
        _, late = await asyncio.wait(running, timeout=seconds)
        for task in late:
            log.error("component_cut_off", component=task.get_name())
            task.cancel()
        return not late

    async def _run(self, name: str, component: Component) -> None:
        try:
            await component.run(lambda: self._mark_ready(name))
        except Exception:
            log.exception("component_crashed", component=name)
        except asyncio.CancelledError:
            if self._stopping:
                raise
            # not of us: something that it waited for was cancelled, and it has ended by that
            log.exception("component_crashed", component=name)
        else:
            if self._stopping:
                return
            log.error("component_ended_by_itself", component=name)
        self.crashed = True
        self._on_crash()

    def _mark_ready(self, name: str) -> None:
        self._unready.discard(name)
        if not self._unready:
            self._all_ready.set()
