"""A long video recognised by one worker, and by two: how close that comes to half the time.

    python -m tests.bench.parts [MINUTES]

Each worker is a process that does one thing at a time. The video says what the shipped sample says,
again and again, and is cut into twelve parts, as an hour is by the default of PART_SECONDS. Times
are those of the job, from its start to its end: fetching, decoding, and merging included.
"""

import asyncio
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import psutil

from deploy.postgres.embedded import EmbeddedPostgres
from tests.support.front_end import FrontEnd, new_user
from tests.support.loopback import free_port
from tests.support.rabbitmq import a_broker
from tests.support.sound import speech
from tests.support.suite import SETTINGS, Process, Suite, start_split

MINUTES = 10
PARTS = 12
PATIENCE_SECONDS = 3600


async def main() -> None:
    """Print the times and their ratio."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES
    settings = SETTINGS | {
        "PART_SECONDS": str(minutes * 60 / PARTS),
        "WORKER_CONCURRENCY": "1",
        "WELCOME_CREDITS": "1000",
    }
    with tempfile.TemporaryDirectory() as folder:
        postgres = await EmbeddedPostgres.start(Path(folder), roles=("auth", "content", "jobs"))
        rabbitmq = a_broker()
        rabbitmq.start()
        try:
            suite = await start_split(postgres, rabbitmq.url, settings)
            try:
                await _compare(suite, minutes)
            finally:
                suite.stop()
        finally:
            rabbitmq.close()
            await postgres.stop()


async def _compare(suite: Suite, minutes: float) -> None:
    user = await new_user(suite)
    with tempfile.TemporaryDirectory() as folder:
        video = await user.upload(speech(Path(folder) / "long.wav", minutes * 60))
    first = suite.processes["worker"]
    one = await _measured(user, video["id"], [first], minutes)
    second = first.copy(suite.home / "second-worker.log", PORT=str(free_port()))
    second.start()
    await user.log_in()  # the first session's token may have ended
    await asyncio.sleep(5)  # it has started by then, and imported what it needs
    try:
        two = await _measured(user, video["id"], [first, second], minutes)
    finally:
        second.stop()
    await user.http.aclose()
    print(f"two workers take {two / one:.2f} of the time of one (0.50 would be perfect)")


async def _measured(user: FrontEnd, video_id: str, workers: list[Process], minutes: float) -> float:
    """The seconds of one job."""
    own, machine = _cpu_of(workers), _busy()
    job = await user.submit(video_id)
    job = await user.finished(job["id"], seconds=PATIENCE_SECONDS)
    assert job["status"] == "succeeded", job
    began, ended = (datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at"))
    seconds = (ended - began).total_seconds()
    cpu = _cpu_of(workers) - own
    others = (_busy() - machine - cpu) / seconds / (psutil.cpu_count() or 1)
    print(
        f"{len(workers)} worker(s): {minutes:g} minutes in {seconds:.0f} s, "
        f"{minutes * 60 / seconds:.1f} x real time; CPU {cpu:.0f} s; "
        f"all other programs took {others:.0%} of the machine"
    )
    return seconds


def _cpu_of(workers: list[Process]) -> float:
    """CPU seconds of these processes, and of their children that have ended."""
    return sum(sum(psutil.Process(one.pid).cpu_times()[:4]) for one in workers)


def _busy() -> float:
    """CPU seconds that the whole machine has worked."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


if __name__ == "__main__":
    asyncio.run(main())
