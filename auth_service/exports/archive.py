"""Writes an archive: a ZIP file of any size, with flat memory, that tells what is in it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from io import FileIO
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import msgspec

_BUFFER_BYTES = 256 * 1024


class Packed(msgspec.Struct, frozen=True):
    """One file of the archive: its size in bytes, and its SHA-256."""

    path: str
    bytes: int
    sha256: str


class Missing(msgspec.Struct, frozen=True):
    """A file that was gone when it was to be packed."""

    path: str
    reason: str


class Manifest(msgspec.Struct, frozen=True):
    """What is in an archive, but for the manifest itself; `format` is that of the archive."""

    format: int
    made_at: datetime
    user_id: str
    files: list[Packed]
    missing: list[Missing]


class Entry:
    """One file while it is being packed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._buffer = bytearray()
        self._digest = hashlib.sha256()
        self._size = 0

    async def write(self, block: bytes) -> None:
        """Add `block`."""
        self._buffer += block
        if len(self._buffer) >= _BUFFER_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Hand on what has been gathered."""
        block, self._buffer = bytes(self._buffer), bytearray()
        await asyncio.to_thread(self._pack, block)

    def _pack(self, block: bytes) -> None:
        self._digest.update(block)
        self._size += len(block)
        self._file.write(block)

    def packed(self, path: str) -> Packed:
        """What has been written, as `path`."""
        return Packed(path, self._size, self._digest.hexdigest())


class Archive:
    """An archive that is being made, of what is known of one user at the moment `made_at`."""

    def __init__(self, file: ZipFile, user_id: str, made_at: datetime) -> None:
        self._zip = file
        self._user_id = user_id
        self._made_at = made_at
        self._packed: list[Packed] = []
        self._missing: list[Missing] = []

    @classmethod
    @contextmanager
    def written_to(cls, file: FileIO, user_id: str, made_at: datetime) -> Iterator["Archive"]:
        """An archive in `file`, complete when the context ends after `finish`."""
        with ZipFile(file, "w", ZIP_DEFLATED) as opened:
            yield cls(opened, user_id, made_at)

    @asynccontextmanager
    async def entry(self, path: str, *, compress: bool = True) -> AsyncIterator[Entry]:
        """Pack one file, in blocks; media do not get smaller and are not compressed."""
        info = ZipInfo(path, self._made_at.timetuple()[:6])
        info.compress_type = ZIP_DEFLATED if compress else ZIP_STORED
        info.external_attr = 0o600 << 16
        # its size is not known before: it may need the 64 bits
        with self._zip.open(info, "w", force_zip64=True) as file:
            entry = Entry(file)
            yield entry
            await entry.flush()
        self._packed.append(entry.packed(path))

    async def add(self, path: str, content: bytes) -> None:
        """Pack a file that is at hand."""
        async with self.entry(path) as entry:
            await entry.write(content)

    def miss(self, path: str, reason: str) -> None:
        """Tell in the manifest that a file is not here."""
        self._missing.append(Missing(path, reason))

    async def finish(self) -> None:
        """Pack the manifest, the last file."""
        manifest = Manifest(1, self._made_at, self._user_id, self._packed, self._missing)
        await self.add("manifest.json", msgspec.json.format(msgspec.json.encode(manifest)))
