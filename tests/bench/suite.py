"""Start and memory of the embedded suite, and how soon a worker starts on a job.

    python -m tests.bench.suite [embedded] [split]

Prints medians and percentiles of an idle system; `started_at - created_at` of a job is read from
the rows, so it holds the outbox, the broker and the claim, and no HTTP.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import psutil

from deploy.postgres.embedded import EmbeddedPostgres
from tests.support.front_end import FrontEnd, new_user
from tests.support.loopback import free_port
from tests.support.rabbitmq import a_broker
from tests.support.sound import silence
from tests.support.suite import ROOT, Suite, start_embedded, start_split

STARTS = 5
JOBS = 100


async def main() -> None:
    """Run what the arguments name, or everything."""
    wanted = sys.argv[1:] or ["embedded", "split"]
    if "embedded" in wanted:
        suite = await start_embedded()
        try:
            await _report("embedded", suite)
            print(f"embedded: memory {_rss(suite.processes['suite'].pid):.0f} MB of one process")
        finally:
            suite.stop()
        _starts(suite.home / "data")
    if "split" in wanted:
        with tempfile.TemporaryDirectory() as folder:
            postgres = await EmbeddedPostgres.start(Path(folder), roles=("auth", "content", "jobs"))
            rabbitmq = a_broker()
            rabbitmq.start()
            try:
                suite = await start_split(postgres, rabbitmq.url)
                await _report("split", suite)
                suite.stop()
            finally:
                rabbitmq.close()
                await postgres.stop()


async def _report(name: str, suite: Suite) -> None:
    user = await new_user(suite)
    with tempfile.TemporaryDirectory() as folder:
        video = await user.upload(silence(Path(folder) / "silence.wav", 1))
    waits = sorted([await _one_job(user, video["id"]) for _ in range(JOBS)])
    await user.http.aclose()
    print(
        f"{name}: submit to worker start, {JOBS} jobs one at a time: "
        f"p50 {statistics.median(waits):.1f} ms, p99 {waits[int(JOBS * 0.99) - 1]:.1f} ms"
    )


async def _one_job(user: FrontEnd, video_id: str) -> float:
    job = await user.submit(video_id)
    while job["started_at"] is None:
        await asyncio.sleep(0.005)
        job = await user.job(job["id"])
    await user.http.post(f"/api/jobs/{job['id']}/cancel")
    await asyncio.sleep(0.15)  # idle again: the worker has ended its child
    started = datetime.fromisoformat(job["started_at"])
    return (started - datetime.fromisoformat(job["created_at"])).total_seconds() * 1000


def _rss(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def _starts(home: Path) -> None:
    """Start a suite whose data exists, several times, until it first answers 200."""
    times = []
    for _ in range(STARTS):
        port = free_port()
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", "run", "--port", str(port)],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "MADANG_HOME": str(home)},
            stdout=subprocess.DEVNULL,
        )
        while not _answers(port):
            time.sleep(0.01)
        times.append(time.monotonic() - began)
        process.terminate()
        process.wait()
    print(
        f"embedded: start to the first 200 with existing data: median "
        f"{statistics.median(times):.2f} s of {STARTS} ({min(times):.2f} to {max(times):.2f})"
    )


def _answers(port: int) -> bool:
    probe = ["curl", "-sf", "-o", "/dev/null", f"http://127.0.0.1:{port}/health"]
    return subprocess.run(probe, check=False).returncode == 0


if __name__ == "__main__":
    asyncio.run(main())
