"""Objects that arrive in several goes: uploads that can be resumed.

    growing = growing_object(storage, "incoming/7")
    async with growing.append(offset, pieces, digests) as end:   # after a crash, cut back to offset
        await end.write(block)
        pieces += await end.sync()                  # what has been written survives from here on
    await growing.join(pieces, size)                # now there is an object under the key

Who appends keeps `offset` and `pieces` in a row, and writes them there after each `sync`: what
lies beyond is not counted, and the next one to append cuts it off. A local directory grows one
file, which is locked while it is appended to; its pieces have no names. S3 has no appending: each
`sync` ends an object of its own, and `join` copies them into one. Memory does not depend on sizes.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from pathlib import Path
from typing import Protocol

from shared.ids import uuid7
from shared.storage.file_writer import Digest, FileWriter
from shared.storage.local import sync_directory
from shared.storage.storage import NoSuchObject, Storage, Writer, reached

Pieces = tuple[str, ...]


class Busy(Exception):  # noqa: N818 - reads as what it is
    """Another process is appending."""


class BytesLost(Exception):  # noqa: N818 - reads as what it is
    """The store holds less than it should; `size` bytes from the beginning are there."""

    def __init__(self, size: int) -> None:
        super().__init__(f"only {size} bytes are left")
        self.size = size


class End(Protocol):
    """Where an object grows."""

    async def write(self, block: bytes, /) -> int:
        """Add `block`; waits while the store is slower than the caller."""
        ...

    async def flush(self) -> None:
        """Return once the digests have been fed with all that was written."""
        ...

    async def sync(self) -> Pieces:
        """Return once all that was written is durable: the names of the pieces it came to."""
        ...


class Growing(Protocol):
    """One object that is not whole yet; whatever is done raises `StorageUnavailable`, too."""

    def append(
        self, offset: int, pieces: Pieces, digests: Sequence[Digest] = ()
    ) -> AbstractAsyncContextManager[End]:
        """Write on at `offset`; what has not been synced at the end of the block is not kept.

        Raises `Busy`, or `BytesLost`.
        """
        ...

    async def beginning(self, pieces: Pieces, size: int) -> bytes:
        """The first `size` bytes, or all when there are fewer; raises `BytesLost`."""
        ...

    async def join(self, pieces: Pieces, size: int) -> None:
        """Make all that was written, `size` bytes, an object; can be repeated.

        Raises `BytesLost`, and `Busy` while somebody appends.
        """
        ...

    async def delete(self) -> None:
        """Remove all there is; can be repeated."""
        ...


def growing_object(storage: Storage, key: str) -> Growing:
    """The object that grows under `key`."""
    path = storage.local_path(key)
    return _GrowingFile(storage, key, path) if path else _GrowingPieces(storage, key)


class _GrowingFile:
    def __init__(self, storage: Storage, key: str, path: Path) -> None:
        self._storage = storage
        self._key = key
        self._path = path

    @asynccontextmanager
    async def append(
        self, offset: int, pieces: Pieces, digests: Sequence[Digest] = ()
    ) -> AsyncIterator[End]:
        with reached(self._key):
            descriptor = await self._opened(offset)
        end = _FileEnd(FileWriter(descriptor, digests), self._key)
        try:
            yield end
        finally:
            await end.close()

    async def _opened(self, offset: int) -> int:
        opening = asyncio.get_running_loop().run_in_executor(None, self._open, offset)
        try:
            await asyncio.wait({opening})
        except asyncio.CancelledError:
            opening.add_done_callback(_close_what_opened)
            raise
        return opening.result()

    def _open(self, offset: int) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(self._path, os.O_RDWR | (0 if offset else os.O_CREAT), 0o666)
        except FileNotFoundError:
            raise BytesLost(0) from None
        try:
            self._seize(descriptor, offset)
            if not offset:
                sync_directory(self._path.parent)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _seize(self, descriptor: int, offset: int) -> None:
        """Lock the file, which the system undoes when a process dies, and cut it to `offset`."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy from None
        size = os.fstat(descriptor).st_size
        if size < offset:
            raise BytesLost(size)
        os.ftruncate(descriptor, offset)
        os.lseek(descriptor, offset, os.SEEK_SET)

    async def beginning(self, pieces: Pieces, size: int) -> bytes:
        with _lost():
            stop = min(size, (await self._storage.head(self._key)).size)
            return b"".join([block async for block in self._storage.read(self._key, 0, stop)])

    async def join(self, pieces: Pieces, size: int) -> None:
        async with self.append(size, pieces) as end:
            await end.sync()

    async def delete(self) -> None:
        await self._storage.delete(self._key)


class _FileEnd:
    def __init__(self, file: FileWriter, key: str) -> None:
        self._file = file
        self._key = key
        self.close = file.close

    async def write(self, block: bytes, /) -> int:
        with reached(self._key):
            return await self._file.write(block)

    async def flush(self) -> None:
        with reached(self._key):
            await self._file.flush()

    async def sync(self) -> Pieces:
        with reached(self._key):
            await self._file.sync()
        return ()


class _GrowingPieces:
    """The objects `<key>/<id>`; their ids are new each time, so that a writer that was
    given up cannot replace what its successor has written."""

    def __init__(self, storage: Storage, key: str) -> None:
        self._storage = storage
        self._key = key

    @asynccontextmanager
    async def append(
        self, offset: int, pieces: Pieces, digests: Sequence[Digest] = ()
    ) -> AsyncIterator[End]:
        end = _PiecesEnd(self._storage, self._key, digests)
        try:
            yield end
        finally:
            await end.give_up()

    async def beginning(self, pieces: Pieces, size: int) -> bytes:
        found = b""
        with _lost():
            for piece in pieces:
                if len(found) < size:
                    stop = min(size - len(found), (await self._storage.head(piece)).size)
                    async for block in self._storage.read(piece, 0, stop):
                        found += block
        return found

    async def join(self, pieces: Pieces, size: int) -> None:
        if not await self._is_joined(size):
            await self._join(pieces)
        await self._delete_pieces()

    async def _is_joined(self, size: int) -> bool:
        try:
            return (await self._storage.head(self._key)).size == size
        except NoSuchObject:
            return False

    async def _join(self, pieces: Pieces) -> None:
        with _lost():
            if len(pieces) == 1:
                await self._storage.move(pieces[0], self._key)
                return
            async with self._storage.writer(self._key) as writer:
                for piece in pieces:
                    async for block in self._storage.read(piece):
                        await writer.write(block)

    async def delete(self) -> None:
        await self._delete_pieces()
        await self._storage.delete(self._key)

    async def _delete_pieces(self) -> None:
        async for piece in self._storage.list(self._key):
            if piece.key != self._key:
                await self._storage.delete(piece.key)


@contextmanager
def _lost() -> Iterator[None]:
    """What is not there any more cannot be told piece by piece: the upload begins anew."""
    try:
        yield
    except NoSuchObject:
        raise BytesLost(0) from None


class _NotSynced(Exception):  # noqa: N818 - reads as what it is
    """A piece that is not to be kept."""


class _PiecesEnd:
    def __init__(self, storage: Storage, key: str, digests: Sequence[Digest]) -> None:
        self._storage = storage
        self._key = key
        self._digests = digests
        self._piece = ""
        self._writer: Writer | None = None
        self._writing = AsyncExitStack()

    async def write(self, block: bytes, /) -> int:
        if self._writer is None:
            self._piece = f"{self._key}/{uuid7()}"
            opened = self._storage.writer(self._piece, self._digests)
            self._writer = await self._writing.enter_async_context(opened)
        return await self._writer.write(block)

    async def flush(self) -> None:
        if self._writer is not None:
            await self._writer.flush()

    async def sync(self) -> Pieces:
        if self._writer is None:
            return ()
        self._writer = None
        await self._writing.aclose()
        return (self._piece,)

    async def give_up(self) -> None:
        """Keep nothing of what has not been synced."""
        await self._writing.__aexit__(_NotSynced, _NotSynced(), None)


def _close_what_opened(opening: "asyncio.Future[int]") -> None:
    if opening.exception() is None:
        os.close(opening.result())
