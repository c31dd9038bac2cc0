"""Writing a local file while its next bytes arrive: one thread writes, and reckons digests."""

import asyncio
import os
from collections.abc import Sequence
from typing import Protocol

BATCH_BYTES = 1024 * 1024
"""What is handed to the thread at a time: less would cost more in handing over than in writing."""


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

    async def write(self, block: bytes, /) -> int:
        """Add `block`; waits while the disk is slower than the caller. Raises OSError."""
        self._blocks.append(block)
        self._collected += len(block)
        if self._collected >= BATCH_BYTES:
            await self._hand_over()
        return len(block)

    async def flush(self) -> None:
        """Return once all is with the system, and the digests have been fed; raises OSError."""
        await self._hand_over()
        await self._written()

    async def sync(self) -> None:
        """Return once all that was written would survive a power cut; raises OSError."""
        await self.flush()
        await asyncio.to_thread(os.fdatasync, self._descriptor)

    async def close(self) -> None:
        """Close the file once the thread has done with it, whatever became of the writing."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
        os.close(self._descriptor)

    async def _hand_over(self) -> None:
        await self._written()
        blocks, self._blocks, self._collected = self._blocks, [], 0
        if blocks:
            self._writing = asyncio.get_running_loop().run_in_executor(
                None, _write, self._descriptor, blocks, self._digests
            )

    async def _written(self) -> None:
        if self._writing is not None:
            await asyncio.wait({self._writing})  # who is cancelled here leaves the thread to end
            writing, self._writing = self._writing, None
            writing.result()


def _write(descriptor: int, blocks: Sequence[bytes], digests: Sequence[Digest]) -> None:
    for block in blocks:
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        for digest in digests:
            digest.update(block)
