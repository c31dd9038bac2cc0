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
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from shared.errors import Unavailable
from shared.storage.file_writer import BATCH_BYTES, Digest, FileWriter
from shared.storage.local import remove_leftovers, sync_directory

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

    async def flush(self) -> None:
        """Return once the digests have been fed with all that was written."""
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
    async def writer(self, key: str, digests: Sequence[Digest] = ()) -> AsyncIterator[Writer]:
        """Write a new object in any number of blocks; it exists once the block has ended, and
        `digests` have been fed with it.

        An exception inside, cancellation too, leaves nothing behind. What a killed process leaves
        of a local file goes with `delete`; S3 discards it by a lifecycle rule of the bucket. Raises
        `NoSuchObject` at the end when it has been deleted meanwhile.
        """
        path = self.local_path(key)
        write = (
            self._object_writer(key, digests) if path is None else _file_writer(path, key, digests)
        )
        async with write as writer:
            yield writer

    @asynccontextmanager
    async def _object_writer(self, key: str, digests: Sequence[Digest]) -> AsyncIterator[Writer]:
        file = obstore.open_writer_async(
            self._store, key, buffer_size=PART_BYTES, max_concurrency=2
        )
        writer = _ObjectWriter(file, key, digests)
        try:
            yield writer
            await writer.flush()
        except BaseException:
            with reached(key):
                await file.__aexit__(*sys.exc_info())  # told of an exception, it aborts
            raise
        with reached(key):
            await file.close()

    async def read(
        self, key: str, start: int = 0, end: int | None = None
    ) -> AsyncGenerator[bytes, None]:
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
        with reached(prefix):
            async for page in obstore.list(self._store, prefix or None, chunk_size=500):
                for meta in page:
                    yield StoredObject(meta["path"], meta["size"], meta["last_modified"])

    async def sizes(self, prefix: str, names: Sequence[str]) -> dict[str, int]:
        """The sizes in bytes of those objects `prefix/name` that there are; `names` are plain ASCII
        and in order.

        S3 is asked for what lies between the first and the last of them, a thousand at a time.
        """
        if self._directory:
            return await asyncio.to_thread(_sizes_of_files, self._directory / prefix, names)
        return await self._listed_sizes(prefix, names) if names else {}

    async def _listed_sizes(self, prefix: str, names: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        wanted = frozenset(names)
        before_first = f"{prefix}/{names[0][:-1]}"
        with reached(prefix):
            listed = obstore.list(self._store, prefix, offset=before_first, chunk_size=1000)
            async for page in listed:
                for meta in page:
                    name = meta["path"].removeprefix(f"{prefix}/")
                    if name > names[-1]:
                        return found
                    if name in wanted:
                        found[name] = meta["size"]
        return found

    async def check(self) -> None:
        """Raise `StorageUnavailable` when the store cannot be listed, or a directory written."""
        with reached(""):
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


def _sizes_of_files(folder: Path, names: Sequence[str]) -> dict[str, int]:
    found = {}
    with reached(folder.name):
        for name in names:
            try:
                found[name] = (folder / name).stat().st_size
            except FileNotFoundError:
                continue
    return found


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


class _ObjectWriter:
    """Gathers blocks, since each write to the store, and each change of threads, has its price."""

    def __init__(self, file: "AsyncWritableFile", key: str, digests: Sequence[Digest]) -> None:
        self._file = file
        self._key = key
        self._digests = digests
        self._blocks: list[bytes] = []
        self._gathered = 0

    async def write(self, block: bytes, /) -> int:
        self._blocks.append(block)
        self._gathered += len(block)
        if self._gathered >= BATCH_BYTES:
            await self.flush()
        return len(block)

    async def flush(self) -> None:
        block = b"".join(self._blocks)
        self._blocks, self._gathered = [], 0
        for digest in self._digests:
            await asyncio.to_thread(digest.update, block)
        with reached(self._key):
            await self._file.write(block)


@asynccontextmanager
async def _file_writer(path: Path, key: str, digests: Sequence[Digest]) -> AsyncIterator[Writer]:
    """Writes beside `path`, under a name that obstore neither lists nor finds."""
    staged = path.with_name(f"{path.name}#{uuid4().int}")
    with reached(key):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = FileWriter(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), digests)
    try:
        try:
            yield _ReachedFile(file, key)
            with reached(key):
                await file.sync()
        finally:
            await file.close()
        with _found(key):  # what a sweeper has taken for left behind is gone
            await asyncio.to_thread(_put_in_place, staged, path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


def _put_in_place(staged: Path, path: Path) -> None:
    staged.replace(path)
    sync_directory(path.parent)


class _ReachedFile:
    def __init__(self, file: FileWriter, key: str) -> None:
        self._file = file
        self._key = key

    async def write(self, block: bytes, /) -> int:
        with reached(self._key):
            return await self._file.write(block)

    async def flush(self) -> None:
        with reached(self._key):
            await self._file.flush()


@contextmanager
def reached(key: str) -> Iterator[None]:
    """What goes wrong in here lies with the store; obstore tells it in two kinds of errors."""
    try:
        yield
    except (BaseError, OSError) as error:
        summary = str(error).partition("\n")[0]
        raise StorageUnavailable(f"The storage failed at {key!r}: {summary}") from error


@contextmanager
def _found(key: str) -> Iterator[None]:
    with reached(key):
        try:
            yield
        except FileNotFoundError as error:
            raise NoSuchObject(key) from error
