"""What every store must do, held against a local directory and against S3 (moto's server)."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from shared.storage.growing import Busy, BytesLost, Pieces, growing_object
from shared.storage.storage import (
    PART_BYTES,
    READ_BYTES,
    BadStorageUrl,
    NoSuchObject,
    S3Access,
    Storage,
    StorageUnavailable,
)
from tests.support.s3 import BUCKET


@dataclass(frozen=True, slots=True)
class Store:
    """A store under test, and what it holds beside whole objects: staged or unfinished writes."""

    storage: Storage
    leftovers: Callable[[], Awaitable[list[str]]]


@pytest.fixture(params=["local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "local":
        return _local(tmp_path / "has a space" / "files")
    return _s3(request.getfixturevalue("s3"))


def _local(directory: Path) -> Store:
    async def leftovers() -> list[str]:
        return [name for _, _, names in os.walk(directory) for name in names if "#" in name]

    return Store(Storage.open(directory.as_uri()), leftovers)


def _s3(access: S3Access) -> Store:
    async def leftovers() -> list[str]:
        async with httpx.AsyncClient(base_url=access.endpoint or "") as client:
            unfinished = (await client.get(f"/{BUCKET}?uploads")).text
        return ["upload"] * unfinished.count("<Upload>")

    return Store(Storage.open(f"s3://{BUCKET}/a/prefix", access), leftovers)


@pytest.fixture
def storage(store: Store) -> Storage:
    return store.storage


async def put(storage: Storage, key: str, content: bytes) -> None:
    async with storage.writer(key) as writer:
        await writer.write(content)


async def fail_after(storage: Storage, key: str, content: bytes) -> None:
    async with storage.writer(key) as writer:
        await writer.write(content)
        raise LookupError


async def content(storage: Storage, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([block async for block in storage.read(key, start, end)])


async def keys(storage: Storage, prefix: str = "") -> set[str]:
    return {found.key async for found in storage.list(prefix)}


@pytest.mark.parametrize("size", [0, 1, READ_BYTES, READ_BYTES + 1, PART_BYTES * 2 + 1])
async def test_what_was_written_is_read_back(storage: Storage, size: int) -> None:
    written = bytes(range(256)) * (size // 256 + 1)
    await put(storage, "some/key", written[:size])
    assert await content(storage, "some/key") == written[:size]
    assert (await storage.head("some/key")).size == size


async def test_blocks_are_joined_in_order(storage: Storage) -> None:
    async with storage.writer("k") as writer:
        for number in range(100):
            await writer.write(b"%03d," % number)
    assert await content(storage, "k") == b"".join(b"%03d," % number for number in range(100))


async def test_a_range_gives_exactly_its_bytes_across_read_units(storage: Storage) -> None:
    written = bytes(range(256)) * (READ_BYTES // 128)
    await put(storage, "k", written)
    ranges = [(0, 1), (5, 5), (READ_BYTES - 1, READ_BYTES + 1), (3, len(written)), (7, None)]
    for start, end in ranges:
        assert await content(storage, "k", start, end) == written[start:end]


async def test_blocks_of_a_read_are_bounded(storage: Storage) -> None:
    await put(storage, "k", b"x" * (READ_BYTES * 2 + 5))
    assert [len(block) async for block in storage.read("k")] == [READ_BYTES, READ_BYTES, 5]


async def test_an_object_is_invisible_until_its_writer_has_ended(storage: Storage) -> None:
    async with storage.writer("k") as writer:
        await writer.write(b"x" * (PART_BYTES + 1))
        assert await keys(storage) == set()
    assert await keys(storage) == {"k"}


@pytest.mark.parametrize("size", [1, PART_BYTES * 2 + 1])
async def test_an_exception_while_writing_leaves_nothing(store: Store, size: int) -> None:
    with pytest.raises(LookupError):
        await fail_after(store.storage, "incoming/k", b"x" * size)
    assert await keys(store.storage) == set()
    assert await store.leftovers() == []


async def test_cancelling_a_writer_leaves_nothing(store: Store) -> None:
    started = asyncio.Event()

    async def write_without_end() -> None:
        async with store.storage.writer("incoming/k") as writer:
            while True:
                await writer.write(b"x" * PART_BYTES)
                started.set()

    writing = asyncio.ensure_future(write_without_end())
    await started.wait()
    writing.cancel()
    await asyncio.wait([writing])
    assert writing.cancelled()
    assert await keys(store.storage) == set()
    assert await store.leftovers() == []


async def test_a_failed_write_leaves_the_object_that_was_there(storage: Storage) -> None:
    await put(storage, "k", b"old")
    with pytest.raises(LookupError):
        await fail_after(storage, "k", b"new")
    assert await content(storage, "k") == b"old"


async def test_move_replaces_the_target_and_empties_the_source(storage: Storage) -> None:
    await put(storage, "incoming/1", b"new")
    await put(storage, "videos/1", b"old")
    await storage.move("incoming/1", "videos/1")
    assert await keys(storage) == {"videos/1"}
    assert await content(storage, "videos/1") == b"new"


async def test_what_is_not_there_is_no_such_object(storage: Storage) -> None:
    with pytest.raises(NoSuchObject):
        await storage.head("none")
    with pytest.raises(NoSuchObject):
        await content(storage, "none")
    with pytest.raises(NoSuchObject):
        await content(storage, "none", 0, 3)
    with pytest.raises(NoSuchObject):
        await storage.move("none", "elsewhere")


async def test_delete_can_be_repeated(storage: Storage) -> None:
    await put(storage, "k", b"x")
    await storage.delete("k")
    await storage.delete("k")
    assert await keys(storage) == set()


async def test_list_gives_the_objects_under_a_path(storage: Storage) -> None:
    for key in ("videos/1", "videos/2", "videos-old/3", "incoming/4"):
        await put(storage, key, b"xy")
    assert await keys(storage, "videos") == {"videos/1", "videos/2"}
    assert await keys(storage) == {"videos/1", "videos/2", "videos-old/3", "incoming/4"}
    assert [found.size async for found in storage.list("incoming")] == [2]


async def test_list_goes_beyond_one_page(storage: Storage) -> None:
    for number in range(1_050):
        await put(storage, f"many/{number}", b"")
    assert len(await keys(storage, "many")) == 1_050
    names = sorted(str(number) for number in range(1_050))
    assert await storage.sizes("many", names) == dict.fromkeys(names, 0)


async def test_sizes_are_told_of_those_that_there_are(storage: Storage) -> None:
    for name in ("a", "ab", "b", "c", "d"):
        await put(storage, f"videos/{name}", name.encode())
    await put(storage, "videos-old/bb", b"another's")
    assert await storage.sizes("videos", ["ab", "bb", "c"]) == {"ab": 2, "c": 1}
    assert await storage.sizes("videos", ["d"]) == {"d": 1}
    assert await storage.sizes("videos", ["e", "f"]) == {}
    assert await storage.sizes("none", ["a"]) == {}
    assert await storage.sizes("videos", []) == {}


async def test_keys_may_be_korean(storage: Storage) -> None:
    await put(storage, "영상/마당 1%", b"x")
    assert await keys(storage) == {"영상/마당 1%"}
    assert await content(storage, "영상/마당 1%") == b"x"


async def test_a_usable_store_passes_its_check(storage: Storage) -> None:
    await storage.check()


async def test_a_store_that_is_away_fails_its_check() -> None:
    access = S3Access("http://127.0.0.1:1", "us-east-1", "an-id", "a-secret")
    with pytest.raises(StorageUnavailable):
        await Storage.open("s3://madang-files", access).check()


async def test_a_directory_that_is_gone_fails_its_check(tmp_path: Path) -> None:
    storage = Storage.open((tmp_path / "files").as_uri())
    (tmp_path / "files").rmdir()
    with pytest.raises(StorageUnavailable):
        await storage.check()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=f"{tmp_path}/file/within cannot be opened"):
        Storage.open((tmp_path / "file" / "within").as_uri())


async def test_delete_removes_what_a_killed_writer_left(tmp_path: Path) -> None:
    storage = Storage.open(tmp_path.as_uri())
    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming" / "7#1").write_bytes(b"half a file")
    (tmp_path / "incoming" / "71#1").write_bytes(b"another's half a file")
    await storage.delete("incoming/7")
    assert [path.name for path in (tmp_path / "incoming").iterdir()] == ["71#1"]


def test_only_a_local_store_tells_its_paths(tmp_path: Path) -> None:
    assert Storage.open(tmp_path.as_uri()).local_path("a/b") == tmp_path / "a" / "b"
    assert Storage.open("s3://bucket", S3Access(region="eu-west-1")).local_path("a/b") is None


@pytest.mark.parametrize("url", ["", "files", "/files", "file://host/files", "s3:///x", "ftp://x"])
def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(BadStorageUrl, match="file:///absolute/directory"):
        Storage.open(url)


async def grown(
    storage: Storage, *blocks: bytes, offset: int = 0, pieces: Pieces = (), synced: bool = True
) -> Pieces:
    async with growing_object(storage, "incoming/7").append(offset, pieces) as end:
        for block in blocks:
            await end.write(block)
        return pieces + await end.sync() if synced else pieces


async def grow_and_fail(storage: Storage, offset: int, pieces: Pieces) -> None:
    async with growing_object(storage, "incoming/7").append(offset, pieces) as end:
        await end.write(b"x" * (PART_BYTES + 1))
        raise LookupError


async def test_what_grew_in_several_goes_is_one_object(storage: Storage) -> None:
    first, second = b"a" * (PART_BYTES + 1), b"b" * 70_000
    pieces = await grown(storage, first)
    pieces = await grown(storage, second, b"c", offset=len(first), pieces=pieces)
    growing = growing_object(storage, "incoming/7")
    assert await growing.beginning(pieces, 10) == b"a" * 10
    await growing.join(pieces, len(first) + 70_001)
    assert await content(storage, "incoming/7") == first + second + b"c"
    assert await keys(storage) == {"incoming/7"}


async def test_joining_can_be_repeated(storage: Storage) -> None:
    pieces = await grown(storage, b"one") + await grown(storage, b"two", offset=3)
    for _ in range(2):
        await growing_object(storage, "incoming/7").join(pieces, 6)
    assert await content(storage, "incoming/7") == b"onetwo"


async def test_an_object_of_one_go_is_whole_too(storage: Storage) -> None:
    await growing_object(storage, "incoming/7").join(await grown(storage, b"all"), 3)
    assert await content(storage, "incoming/7") == b"all"
    assert await keys(storage) == {"incoming/7"}


async def test_several_syncs_in_one_go_keep_everything(storage: Storage) -> None:
    growing = growing_object(storage, "incoming/7")
    pieces: Pieces = ()
    async with growing.append(0, ()) as end:
        for block in (b"one", b"", b"two", b"three"):
            await end.write(block)
            pieces += await end.sync()
    await growing.join(pieces, 11)
    assert await content(storage, "incoming/7") == b"onetwothree"


async def test_what_was_not_synced_is_not_counted(store: Store) -> None:
    pieces = await grown(store.storage, b"kept")
    await grown(store.storage, b"not kept", offset=4, pieces=pieces, synced=False)
    pieces = await grown(store.storage, b"!", offset=4, pieces=pieces)
    await growing_object(store.storage, "incoming/7").join(pieces, 5)
    assert await content(store.storage, "incoming/7") == b"kept!"
    assert await store.leftovers() == []


async def test_a_go_that_fails_leaves_what_was_there(store: Store) -> None:
    pieces = await grown(store.storage, b"kept")
    with pytest.raises(LookupError):
        await grow_and_fail(store.storage, 4, pieces)
    await growing_object(store.storage, "incoming/7").join(pieces, 4)
    assert await content(store.storage, "incoming/7") == b"kept"
    assert await store.leftovers() == []


async def test_what_is_lost_of_a_growing_object_is_noticed(storage: Storage) -> None:
    growing = growing_object(storage, "incoming/7")
    with pytest.raises(BytesLost):
        await growing.join(("incoming/7/gone",), 3)


async def test_deleting_what_grows_leaves_nothing(store: Store) -> None:
    growing = growing_object(store.storage, "incoming/7")
    pieces = await grown(store.storage, b"one")
    await grown(store.storage, b"two", offset=3, pieces=pieces)
    await put(store.storage, "incoming/70", b"another")
    for _ in range(2):
        await growing.delete()
    assert await keys(store.storage) == {"incoming/70"}


async def test_digests_are_fed_with_what_is_written(storage: Storage) -> None:
    written = os.urandom(PART_BYTES + 17)
    whole, grew = hashlib.sha256(), hashlib.sha256()
    async with storage.writer("k", [whole]) as writer:
        for start in range(0, len(written), 100_000):
            await writer.write(written[start : start + 100_000])
    growing = growing_object(storage, "incoming/7")
    async with growing.append(0, (), [grew]) as end:
        await end.write(written)
        await end.sync()
    assert whole.digest() == grew.digest() == hashlib.sha256(written).digest()


async def test_a_file_that_grows_is_locked_and_cut_to_its_offset(tmp_path: Path) -> None:
    storage = Storage.open(tmp_path.as_uri())
    growing = growing_object(storage, "incoming/7")
    async with growing.append(0, ()) as end:
        await end.write(b"beyond")
        await end.sync()
        with pytest.raises(Busy):
            async with growing.append(0, ()):
                pass
    async with growing.append(2, ()) as end:
        assert (tmp_path / "incoming" / "7").read_bytes() == b"be"
    with pytest.raises(BytesLost) as lost:
        async with growing.append(3, ()):
            pass
    assert lost.value.size == 2
