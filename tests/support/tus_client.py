"""tus-js-client, from npm, as a program of the tests."""

import asyncio
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.npm import CannotHave, npm_project

_PROJECT = Path(__file__).with_name("tus_client")
_CACHE = Path.home() / ".cache" / "madang-tests"


@dataclass(frozen=True, slots=True)
class Uploaded:
    """How an upload went: where it was, the video's path, and each request's method."""

    url: str
    video: str
    requests: Sequence[str]
    cuts_left: int


async def upload_by_tus(
    address: str, token: str, file: Path, *, chunk: int = 0, cuts: Sequence[int] = ()
) -> Uploaded:
    """Upload a file, with its connection broken after so many bytes each; skips the test where
    there is no Node."""
    try:
        client = npm_project(_PROJECT, _CACHE) / "client.js"
    except CannotHave as reason:
        pytest.skip(str(reason))
    process = await asyncio.create_subprocess_exec(
        "node", str(client), f"{address}/api/uploads", token, str(file), str(chunk),
        *(str(cut) for cut in cuts),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    told: dict[str, Any] = json.loads(out)
    return Uploaded(told["url"], told["video"], told["requests"], told["cutsLeft"])


def padded(video: Path, target: Path, size: int) -> Path:
    """A copy of an MP4 that has `size` bytes: a box that is to be skipped (ISO 14496-12, 8.1.2)
    follows, which takes no room on the disk."""
    content = video.read_bytes()
    with target.open("wb") as file:
        file.write(content + struct.pack(">I4s", size - len(content), b"free"))
        file.truncate(size)
    return target
