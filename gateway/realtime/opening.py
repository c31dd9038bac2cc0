"""How a connection begins: what it missed, or the state as it is, and then what happens.

Nothing is missed in between, and nothing comes twice: a listener hears events from before the
moment at which it is decided what it is told, and holds them until that has been told.
"""

import asyncio

from gateway.realtime.hub import Hub
from gateway.realtime.listener import Listener
from gateway.realtime.snapshots import Snapshots
from shared.runtime.readiness import Readiness
from shared.runtime.service import Component, Ready

_SECONDS_BETWEEN_LOOKS = 0.2
_LOOKS_PER_TICK = 5
_REFRESHED_AT_ONCE = 8


class Opening:
    """Tells listeners where they start, at first and whenever the process has missed events."""

    def __init__(self, hub: Hub, snapshots: Snapshots) -> None:
        self._hub = hub
        self._snapshots = snapshots
        self._behind: asyncio.Queue[Listener] = asyncio.Queue()

    async def start(self, listener: Listener, last_id: str) -> None:
        """Replay what followed the event `last_id`, when that is known here; else a snapshot."""
        replay = self._hub.recent.after(listener.proof.user, last_id) if last_id else None
        if replay is None:
            await self._refresh(listener)
        else:
            listener.go_on(None, replay)

    async def missed_some(self) -> None:
        """Events were lost while the broker was away: what is remembered has a gap, and everybody
        connected needs a snapshot before they are told of anything that came later."""
        self._hub.recent.clear()
        for listener in list(self._hub.all()):
            if listener.is_holding:
                listener.must_ask_again = True
            else:
                listener.hold()
                self._behind.put_nowait(listener)

    def component(self) -> Component:
        """What goes on besides connections: snapshots after a gap, ticks, and the end."""
        return Component("realtime", self._run)

    async def _run(self, ready: Ready) -> None:
        ready()
        async with asyncio.TaskGroup() as group:
            for _ in range(_REFRESHED_AT_ONCE):
                group.create_task(self._refresh_those_behind())
            while True:
                for _ in range(_LOOKS_PER_TICK):
                    await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
                    if Readiness.draining:
                        self._hub.drain()
                self._hub.tick()

    async def _refresh_those_behind(self) -> None:
        while True:
            listener = await self._behind.get()
            if listener in self._hub:
                await self._refresh(listener)

    async def _refresh(self, listener: Listener) -> None:
        listener.must_ask_again = True
        while listener.must_ask_again:
            listener.hold()
            listener.must_ask_again = False
            last_id = self._hub.recent.last_id(listener.proof.user)
            snapshot = await self._snapshots.of(listener.proof.token, last_id)
        listener.go_on(snapshot, [])
