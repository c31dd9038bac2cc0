"""Files through the front door, over both topologies: links, parts, and clients that leave."""

import asyncio
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import psutil

from tests.support.front_end import FrontEnd, until
from tests.support.sound import silence
from tests.support.suite import SAMPLE, Suite
from tests.system.test_commands import typed

BETWEEN = {"suite", "gateway", "content"}
LONG_SECONDS = 900
"""Of silence: more bytes than all the buffers between a store and a client hold."""


async def test_a_link_plays_without_a_token_and_leaves_no_trace_in_the_logs(
    suite: Suite, user: FrontEnd
) -> None:
    video = await user.upload()
    wanted = {"expires_in": 600, "disposition": "inline"}
    link = await user.call("POST", f"/api/videos/{video['id']}/links", 201, json=wanted)
    content = SAMPLE.read_bytes()
    async with suite.client() as player:
        first = await player.get(link["url"], headers={"range": "bytes=0-99"})
        assert (first.status_code, first.content) == (206, content[:100])
        assert first.headers["content-range"] == f"bytes 0-99/{len(content)}"
        assert first.headers["cross-origin-resource-policy"] == "cross-origin"
        assert first.headers["x-content-type-options"] == "nosniff"
        assert first.headers["content-type"] == "video/mp4"
        assert "sandbox" in first.headers["content-security-policy"]
        same = {"if-range": first.headers["etag"], "range": "bytes=-50"}
        assert (await player.get(link["url"], headers=same)).content == content[-50:]
        known = {"if-none-match": first.headers["etag"]}
        assert (await player.get(link["url"], headers=known)).status_code == 304
        head = await player.head(link["url"])
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(content)))
        forged = await player.get(link["url"].replace("inline", "attachment"))
        assert (forged.status_code, forged.json()["code"]) == (403, "media_link_invalid")
        beyond = await player.get(link["url"], headers={"range": f"bytes={len(content)}-"})
        assert (beyond.status_code, beyond.headers["content-range"]) == (
            416,
            f"bytes */{len(content)}",
        )
        await user.call("DELETE", f"/api/videos/{video['id']}", 204)
        assert (await player.get(link["url"])).status_code == 404
    signature = parse_qs(urlsplit(link["url"]).query)["signature"][0]
    for process in suite.processes.values():
        assert signature not in process.log.read_text(errors="replace")


async def test_clients_that_are_slow_and_leave_hold_on_to_nothing(
    suite: Suite, user: FrontEnd, tmp_path: Path
) -> None:
    video = await user.upload(silence(tmp_path / "long.wav", LONG_SECONDS))
    link = await user.call("POST", f"/api/videos/{video['id']}/links", 201, json={})
    warm = await user.http.get(link["url"], headers={"range": "bytes=0-0"})
    assert warm.status_code == 206
    before = held(suite)
    leaving = [await slow_reader(suite, link["url"]) for _ in range(20)]
    await asyncio.sleep(0.2)
    assert len(held(suite)) >= len(before) + len(leaving)
    for writer in leaving:
        writer.transport.abort()

    async def are_gone() -> bool:
        return len(held(suite)) <= len(before)

    await until(are_gone, why=lambda: f"before: {before}; still: {held(suite)}")


def held(suite: Suite) -> list[str]:
    """The connections, and open files of the store, of what is between a client and the store."""
    found = []
    for name in sorted(BETWEEN & suite.processes.keys()):
        running = psutil.Process(suite.processes[name].pid)
        served = httpx.URL(suite.health[name]).port
        connections = [one for one in running.net_connections() if one.laddr.port == served]
        found += [f"{name} to {one.raddr}" for one in connections if one.status == "ESTABLISHED"]
        found += [f"{name} at {one.path}" for one in running.open_files() if "storage" in one.path]
    return found


async def slow_reader(suite: Suite, path: str) -> asyncio.StreamWriter:
    """A client that takes the first bytes of an answer, and then nothing more."""
    at = httpx.URL(suite.address)
    reader, writer = await asyncio.open_connection(at.host, at.port, limit=1024)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {at.host}\r\n\r\n".encode())
    assert b"200 OK" in await reader.readline()
    return writer


async def test_store_and_table_are_compared_at_the_command_line(
    suite: Suite, user: FrontEnd, tmp_path: Path
) -> None:
    await user.upload()
    if "suite" in suite.processes:
        home = {"MADANG_HOME": str(suite.home / "data")}
        code, told = await typed("deploy.cli", "reconcile", "--dry-run", cwd=tmp_path, **home)
    else:
        env = suite.processes["content"].env
        code, told = await typed("content_service", "reconcile", "--dry-run", cwd=tmp_path, **env)
    assert code == 0, told
    assert "The store and the table agree." in told
