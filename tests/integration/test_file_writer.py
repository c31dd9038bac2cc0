"""Files that are written while their next bytes arrive: nothing is lost on the way to the disk."""

import errno
import hashlib
import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from shared.storage.file_writer import SYNC_BYTES, FileWriter

MIB = 1024**2


def open_new(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)


async def written(path: Path, blocks: Sequence[bytes]) -> str:
    """The SHA-256 that was reckoned while `blocks` were written to `path`."""
    digest = hashlib.sha256()
    writer = FileWriter(open_new(path), [digest])
    for block in blocks:
        await writer.write(block)
    await writer.sync()
    await writer.close()
    return digest.hexdigest()


@pytest.mark.parametrize(
    "sizes",
    [[1] * 5_000, [3 * MIB, 0, 1, 7 * MIB], [MIB] * 40],
    ids=["more blocks than a call takes", "blocks larger than a batch", "more than one sync"],
)
async def test_all_blocks_are_there_in_order(tmp_path: Path, sizes: list[int]) -> None:
    content = random.Random(7)
    blocks = [content.randbytes(size) for size in sizes]
    assert await written(tmp_path / "file", blocks) == hashlib.sha256(b"".join(blocks)).hexdigest()
    assert (tmp_path / "file").read_bytes() == b"".join(blocks)


async def test_a_system_that_takes_less_than_it_is_given_is_given_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_little(descriptor: int, blocks: Sequence[bytes]) -> int:
        return os.write(descriptor, b"".join(blocks)[:100_001])

    monkeypatch.setattr(os, "writev", write_little)
    blocks = [random.Random(8).randbytes(70_000) for _ in range(40)]
    await written(tmp_path / "file", blocks)
    assert (tmp_path / "file").read_bytes() == b"".join(blocks)


async def test_an_error_of_the_disk_while_bytes_arrive_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system tells of it once, to whoever asks first."""
    errors = iter([OSError(errno.EIO, "the disk has failed")])

    def fail_once(descriptor: int) -> None:
        for error in errors:
            raise error

    monkeypatch.setattr(os, "fdatasync", fail_once)
    writer = FileWriter(open_new(tmp_path / "file"))
    for _ in range(SYNC_BYTES // MIB + 2):
        await writer.write(bytes(MIB))
    with pytest.raises(OSError, match="the disk has failed"):
        await writer.sync()
    await writer.close()
