"""Temporary files: gone with their use, and what a killed process leaves is found."""

import asyncio
import subprocess
import sys
from pathlib import Path

from shared.storage.scratch import Scratch

LEAVE_ONE = """
import sys, time
from pathlib import Path
from shared.storage.scratch import Scratch
with Scratch("source", Path(sys.argv[1])).file() as (file, path):
    file.write(b"x")
    print(path, flush=True)
    time.sleep(60)
"""


def files(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_a_file_is_there_while_it_is_used_and_gone_after(tmp_path: Path) -> None:
    with Scratch("source", tmp_path).file() as (file, path):
        file.write(b"hello")
        assert path.read_bytes() == b"hello"
    assert files(tmp_path) == []


async def test_a_file_in_use_is_not_swept(tmp_path: Path) -> None:
    with Scratch("source", tmp_path).file() as (_, path):
        await Scratch("source", tmp_path).sweep()
        assert path.exists()


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "somebody-elses").touch()
    with subprocess.Popen(
        [sys.executable, "-c", LEAVE_ONE, str(tmp_path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().decode().strip())
        asyncio.run(Scratch("source", tmp_path).sweep())
        assert left.exists()
        process.kill()
    asyncio.run(Scratch("source", tmp_path).sweep())
    assert files(tmp_path) == ["somebody-elses"]


async def test_a_directory_that_is_not_there_is_made(tmp_path: Path) -> None:
    scratch = Scratch("source", tmp_path / "new" / "work")
    await scratch.sweep()
    with scratch.file() as (_, path):
        assert path.parent == tmp_path / "new" / "work"
