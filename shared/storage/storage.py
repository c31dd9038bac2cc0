"""Files in a local directory or in an S3 bucket, behind one small port.

    storage = Storage.open("file:///var/lib/madang/files")
    async with storage.writer("incoming/7") as writer:      # an exception leaves nothing
        await writer.write(block)
    await storage.move("incoming/7", "videos/7")

What is guaranteed: an object appears as a whole or not at all; once a `writer` block has ended or
`move` has returned, the object survives a crash of the process and of the machine (a local file and
its directory entry are synced to disk; S3 has acknowledged it). Memory per open writer or reader is
bounded and does not depend on the size of the object.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from shared.errors import Unavailable
from shared.storage.local import remove_leftovers, sync_directory, sync_file

if TYPE_CHECKING:  # these exist for type checkers only
    from obstore import AsyncWritableFile
    from obstore.store import ClientConfig, RetryConfig, S3Config

PART_BYTES = 8 * 1024 * 1024
"""The unit of a write to the store; S3 takes 10,000 parts, hence objects of up to 80 GB."""
READ_BYTES = 1024 * 1024
"""The unit of a read: each is a request of its own, so that no slow reader holds one open."""
_RETRY: "RetryConfig" = {"max_retries": 4, "retry_timeout": timedelta(seconds=30)}


class StorageUnavailable(Unavailable):
    """The store cannot be reached, or refuses."""

    code, title = "storage_unavailable", "The file storage is not available right now"


class NoSuchObject(Exception):  # noqa: N818 - reads as what it is
    """There is no object under this key."""


class BadStorageUrl(ValueError):  # noqa: N818 - reads as what it is
    """A storage URL that names no store we know."""


@dataclass(frozen=True, slots=True)
class S3Access:
    """Where an S3 store is and how to sign in; what is None comes from the usual AWS sources."""

    endpoint: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object's key, size in bytes, and the time of its last change."""

    key: str
    size: int
    modified: datetime


class Writer(Protocol):
    """Takes the bytes of one object, in order."""

    async def write(self, block: bytes, /) -> int:
        """Add `block`; waits while the store is slower than the caller."""
        ...


class Storage:
    """One store: keys are slash-separated paths, values are bytes of any length."""

    def __init__(self, store: LocalStore | S3Store) -> None:
        self._store = store
        self._directory = Path(store.prefix or "/") if isinstance(store, LocalStore) else None

    @classmethod
    def open(cls, url: str, s3: S3Access | None = None) -> Self:
        """The store that `url` names: `file:///absolute/directory` (made) or `s3://bucket/prefix`.

        Raises `BadStorageUrl`, or OSError when the directory cannot be made.
        """
        require_storage_url(url)
        parts = urlsplit(url)
        path = unquote(parts.path)
        if parts.scheme == "file":
            return cls(_directory(path))
        return cls(_s3(parts.netloc, path.strip("/"), s3 or S3Access()))

    @asynccontextmanager
    async def writer(self, key: str) -> AsyncIterator[Writer]:
        """Write a new object in any number of blocks; it exists once the block has ended.

        An exception inside, cancellation too, leaves nothing behind. What a killed process leaves
        of a local file goes with `delete`; S3 discards it by a lifecycle rule of the bucket.
        """
        file = obstore.open_writer_async(
            self._store, key, buffer_size=PART_BYTES, max_concurrency=2
        )
        try:
            yield _FileWriter(file, key)
        except BaseException:
            with _reached(key):
                await file.__aexit__(*sys.exc_info())  # told of an exception, it aborts
            raise
        with _reached(key):
            await file.close()
        if path := self.local_path(key):
            await asyncio.to_thread(sync_file, path)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end` (the object's end), in blocks of up to 1 MiB.

        Raises `NoSuchObject`.
        """
        stop = (await self.head(key)).size if end is None else end
        for offset in range(start, stop, READ_BYTES):
            with _found(key):
                block = await obstore.get_range_async(
                    self._store, key, start=offset, end=min(offset + READ_BYTES, stop)
                )
            yield block.to_bytes()

    async def head(self, key: str) -> StoredObject:
        """What is known about an object; raises `NoSuchObject`."""
        with _found(key):
            meta = await obstore.head_async(self._store, key)
        return StoredObject(meta["path"], meta["size"], meta["last_modified"])

    async def move(self, source: str, target: str) -> None:
        """Rename an object, over whatever `target` held; raises `NoSuchObject`.

        S3 copies and then deletes: objects of up to 5 GiB, and a crash may leave both keys.
        """
        with _found(source):
            await obstore.rename_async(self._store, source, target)
        if path := self.local_path(target):
            await asyncio.to_thread(sync_directory, path.parent)

    async def delete(self, key: str) -> None:
        """Remove an object, and what a killed writer left of it; none is as good."""
        try:
            with _found(key):
                await obstore.delete_async(self._store, key)
        except NoSuchObject:
            pass  # gone already, which is what was asked for
        if path := self.local_path(key):
            await asyncio.to_thread(remove_leftovers, path)

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Every whole object under the path `prefix`, in no order."""
        with _reached(prefix):
            async for page in obstore.list(self._store, prefix or None, chunk_size=500):
                for meta in page:
                    yield StoredObject(meta["path"], meta["size"], meta["last_modified"])

    async def check(self) -> None:
        """Raise `StorageUnavailable` when the store cannot be listed, or a directory written."""
        with _reached(""):
            await obstore.list_with_delimiter_async(self._store)
        if self._directory and not os.access(self._directory, os.W_OK | os.X_OK):
            raise StorageUnavailable(f"The directory {self._directory} cannot be written to.")

    def local_path(self, key: str) -> Path | None:
        """The file that holds an object, when this store is a local directory."""
        return self._directory / key if self._directory else None


def require_storage_url(url: str) -> None:
    """Raise `BadStorageUrl` unless `url` names a store that `Storage.open` opens."""
    parts = urlsplit(url)
    local = parts.scheme == "file" and not parts.netloc and parts.path.startswith("/")
    if not local and not (parts.scheme == "s3" and parts.netloc):
        raise BadStorageUrl(
            f"{url!r} is no storage URL: use file:///absolute/directory or s3://bucket/prefix"
        )


def _directory(path: str) -> LocalStore:
    try:
        return LocalStore(path, mkdir=True)
    except OSError as error:  # which does not say of what it speaks
        raise OSError(f"The storage directory {path} cannot be opened: {error}") from error


def _s3(bucket: str, prefix: str, access: S3Access) -> S3Store:
    config: S3Config = {}
    if access.endpoint:
        config["endpoint"] = access.endpoint
    if access.region:
        config["region"] = access.region
    if access.access_key_id:
        config["access_key_id"] = access.access_key_id
    if access.secret_access_key:
        config["secret_access_key"] = access.secret_access_key
    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=5),
        "timeout": timedelta(seconds=60),
        # Plain HTTP only where the operator wrote it out, as for a store on the same network.
        "allow_http": (access.endpoint or "").startswith("http://"),
    }
    return S3Store(
        bucket, prefix=prefix or None, config=config, client_options=client, retry_config=_RETRY
    )


class _FileWriter:
    def __init__(self, file: "AsyncWritableFile", key: str) -> None:
        self._file = file
        self._key = key

    async def write(self, block: bytes, /) -> int:
        with _reached(self._key):
            return await self._file.write(block)


@contextmanager
def _reached(key: str) -> Iterator[None]:
    """What goes wrong here lies with the store; obstore tells it in two kinds of errors."""
    try:
        yield
    except (BaseError, OSError) as error:
        summary = str(error).partition("\n")[0]
        raise StorageUnavailable(f"The storage failed at {key!r}: {summary}") from error


@contextmanager
def _found(key: str) -> Iterator[None]:
    with _reached(key):
        try:
            yield
        except FileNotFoundError as error:
            raise NoSuchObject(key) from error
