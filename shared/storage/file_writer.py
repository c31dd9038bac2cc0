"""Writing a local file while its next bytes arrive: one thread writes, and reckons digests."""

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Protocol

BATCH_BYTES = 1024 * 1024
"""What is handed to the thread at a time: less would cost more in handing over than in writing."""
_BATCH_BLOCKS = 1024
"""As many as the system takes at a time (IOV_MAX), however small they are."""
SYNC_BYTES = 16 * 1024 * 1024
"""After so many the disk is set to work while more arrive, so that little is left for `sync`."""


class Digest(Protocol):
    """Takes the bytes of a file in order; what `hashlib` and `zlib` make can be one."""

    def update(self, block: bytes, /) -> None:
        """Add `block`."""
        ...


class FileWriter:
    """Appends to an open file; `digests` are fed with all that is written.

    Not more than two batches are in memory: one that is written, and one that is collected.
    """

    def __init__(self, descriptor: int, digests: Sequence[Digest] = ()) -> None:
        self._descriptor = descriptor
        self._digests = digests
        self._blocks: list[bytes] = []
        self._collected = 0
        self._writing: asyncio.Future[None] | None = None
        self._unsynced = 0
        self._syncing: asyncio.Future[None] | None = None

    async def write(self, block: bytes, /) -> int:
        """Add `block`; waits while the disk is slower than the caller. Raises OSError."""
        self._blocks.append(block)
        self._collected += len(block)
        if self._collected >= BATCH_BYTES or len(self._blocks) == _BATCH_BLOCKS:
            await self._hand_over()
        return len(block)

    async def flush(self) -> None:
        """Return once all is with the system, and the digests have been fed; raises OSError."""
        await self._hand_over()
        await self._written()

    async def sync(self) -> None:
        """Return once all that was written would survive a power cut; raises OSError."""
        await self.flush()
        await self._synced()
        await asyncio.to_thread(os.fdatasync, self._descriptor)
        self._unsynced = 0

    async def close(self) -> None:
        """Close the file once the threads have done with it, whatever became of the writing."""
        for running in (self._writing, self._syncing):
            if running is not None:
                await asyncio.wait({running})
        os.close(self._descriptor)

    async def _hand_over(self) -> None:
        await self._written()
        await self._sync_meanwhile()
        blocks, self._blocks, self._collected = self._blocks, [], 0
        if blocks:
            self._unsynced += sum(map(len, blocks))
            self._writing = _in_thread(_write, self._descriptor, blocks, self._digests)

    async def _sync_meanwhile(self) -> None:
        """Have the disk take what has been written; one that is slower than the caller is waited
        for here, and not by who syncs the whole."""
        if self._unsynced >= SYNC_BYTES:
            await self._synced()
            self._unsynced = 0
            self._syncing = _in_thread(os.fdatasync, self._descriptor)

    async def _written(self) -> None:
        writing, self._writing = await _ended(self._writing), None
        if writing is not None:
            writing.result()

    async def _synced(self) -> None:
        """The system tells of an error of the disk once: it must not be lost here."""
        syncing, self._syncing = await _ended(self._syncing), None
        if syncing is not None:
            syncing.result()


def _in_thread(work: Callable[..., None], *arguments: object) -> "asyncio.Future[None]":
    return asyncio.get_running_loop().run_in_executor(None, work, *arguments)


async def _ended(running: "asyncio.Future[None] | None") -> "asyncio.Future[None] | None":
    """What was running, at its end; who is cancelled here leaves the thread to end."""
    if running is not None:
        await asyncio.wait({running})
    return running


def _write(descriptor: int, blocks: Sequence[bytes], digests: Sequence[Digest]) -> None:
    rest = sum(map(len, blocks)) - os.writev(descriptor, blocks)
    if rest:  # a disk that is nearly full takes less, and says why with the next call
        _write_all(descriptor, memoryview(b"".join(blocks))[-rest:])
    for digest in digests:
        for block in blocks:
            digest.update(block)


def _write_all(descriptor: int, rest: memoryview) -> None:
    while rest:
        rest = rest[os.write(descriptor, rest) :]
