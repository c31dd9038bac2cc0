"""A process killed while it takes in a file: another goes on where the row says."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from content_service.uploads.receive import CHECKPOINT_BYTES
from tests.support.front_end import FrontEnd, new_user, until
from tests.support.suite import SAMPLE, Suite
from tests.support.tus_client import padded

MIB = 1024**2
TUS = {"Tus-Resumable": "1.0.0"}
SIZE = 80 * MIB
KILLED_AT = 72 * MIB


@pytest.fixture
async def user(split_suite: Suite) -> AsyncIterator[FrontEnd]:
    """A new user of the split suite."""
    found = await new_user(split_suite)
    yield found
    await found.http.aclose()


async def test_what_a_killed_process_had_counted_is_kept_and_the_rest_sent_again(
    split_suite: Suite, user: FrontEnd, tmp_path: Path
) -> None:
    content = padded(SAMPLE, tmp_path / "big.mp4", SIZE).read_bytes()
    made = await user.http.post("/api/uploads", headers={**TUS, "Upload-Length": str(SIZE)})
    location = made.headers["location"]

    async def killing() -> AsyncIterator[bytes]:
        for start in range(0, KILLED_AT, MIB):
            yield content[start : start + MIB]
        await until(counted, seconds=20)
        split_suite.processes["content"].kill()
        yield content[KILLED_AT:]

    async def offset() -> int:
        answer = await user.http.head(location, headers=TUS)
        return int(answer.headers.get("upload-offset", -1))

    async def counted() -> bool:
        return await offset() >= CHECKPOINT_BYTES

    async def send(body: AsyncIterator[bytes] | bytes, start: int) -> httpx.Response:
        fields = {
            **TUS,
            "Upload-Offset": str(start),
            "Content-Type": "application/offset+octet-stream",
        }
        return await user.http.patch(location, content=body, headers=fields)

    assert (await send(killing(), 0)).status_code in {502, 503}
    split_suite.processes["content"].start()
    await split_suite.wait_ready("content")
    kept = await offset()
    assert CHECKPOINT_BYTES <= kept <= KILLED_AT

    async def sent_on() -> bool:
        answer = await send(content[kept:], kept)
        assert answer.status_code in {204, 423}, answer.text  # until the dead one's lease has ended
        return answer.status_code == 204

    await until(sent_on, seconds=20)
    video = await user.call("GET", location.replace("uploads", "videos"))
    assert video["sha256"] == hashlib.sha256(content).hexdigest()
