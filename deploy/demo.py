"""The demonstration: the main job from sign-up to captions, over HTTP, as a front end does it."""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.home import Home
from shared.clock import SystemClock

SAMPLE = Path(__file__).parent / "sample" / "welcome.mp4"
START_SECONDS = 120
ENDED = {"succeeded", "failed", "cancelled"}


class DemoFailed(Exception):  # noqa: N818 - reads as what it is
    """The demonstration could not be finished; the message says why and what would help."""


async def run_demo(home: Home, video: Path | None, out: Console) -> None:
    """Caption `video`, or the sample, and print the result. Raises DemoFailed."""
    path = video or SAMPLE
    _check(path)
    async with _suite(home, out) as address, httpx.AsyncClient(base_url=address) as client:
        try:
            await _sign_up(client, out)
            uploaded = await _upload(client, path, out)
            try:
                job = await _caption(client, uploaded, out)
            except DemoFailed:
                await _call(client, "DELETE", f"/api/videos/{uploaded['id']}")
                raise
            captions = (await _ask(client, "GET", f"/api/jobs/{job['id']}/captions.srt")).text
            balance = await _call(client, "GET", "/api/credits/balance")
        except httpx.TransportError as error:
            raise DemoFailed(
                f"The suite at {address} stopped answering ({type(error).__name__}); "
                f"its log is {home.log}."
            ) from error
    out.print(f"\n{captions}", markup=False)
    out.print(f"It cost {job['credits']} of your credits; {balance['balance']} are left.\n")
    out.print(
        "Where to look next:\n"
        "  make run                    keep the suite running, with a page to try its API\n"
        "  make demo VIDEO=talk.mp4    captions of a video of yours, with English speech\n"
        f"  {home.root}    where everything is kept\n"
        "  README.md                   the rest",
        soft_wrap=True,
    )


def _check(path: Path) -> None:
    if not path.exists():
        raise DemoFailed(f"There is no file {path}. Give a video: make demo VIDEO=path/to/talk.mp4")
    if not path.is_file():
        raise DemoFailed(f"{path} is not a file. Give a video: make demo VIDEO=path/to/talk.mp4")
    if not os.access(path, os.R_OK):
        raise DemoFailed(f"{path} cannot be read by this user.")


@asynccontextmanager
async def _suite(home: Home, out: Console) -> AsyncIterator[str]:
    """The address of the running suite, or of one started for as long as the context lasts."""
    if (address := home.address()) is not None and await _answers(address):
        out.print(f"Using the suite that runs at {address}")
        yield address
        return
    out.print(f"Starting Madang, with its data under {home.root}", soft_wrap=True)
    home.prepare()
    with home.log.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "deploy.cli", "run", "--port", "0",
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield await _started(process, home)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()


async def _started(process: asyncio.subprocess.Process, home: Home) -> str:
    clock = SystemClock()
    deadline = clock.monotonic() + START_SECONDS
    while clock.monotonic() < deadline:
        if process.returncode is not None:
            last = home.log.read_text(errors="replace").splitlines()[-5:]
            raise DemoFailed("The suite did not start; its log ends with:\n" + "\n".join(last))
        if (address := home.address()) is not None and await _answers(address):
            return address
        await asyncio.sleep(0.05)
    raise DemoFailed(f"The suite did not start within {START_SECONDS} s; its log is {home.log}.")


async def _answers(address: str) -> bool:
    try:
        async with httpx.AsyncClient(timeout=2) as client:
            return (await client.get(f"{address}/health")).status_code == 200
    except httpx.TransportError:
        return False


async def _sign_up(client: httpx.AsyncClient, out: Console) -> None:
    name = f"demo_{secrets.token_hex(4)}"
    email, password = f"{name}@example.com", f"Demo-{secrets.token_urlsafe(12)}-1a"
    account = {"email": email, "password": password, "user_handle": name}
    await _call(client, "POST", "/api/auth/register", json=account)
    session = await _call(
        client, "POST", "/api/auth/login", data={"username": email, "password": password}
    )
    client.headers["authorization"] = f"Bearer {session['access_token']}"
    out.print(f"Signed up as {email}")


async def _upload(client: httpx.AsyncClient, path: Path, out: Console) -> dict[str, Any]:
    with path.open("rb") as file:
        out.print(f"Uploading {path.name} ({os.fstat(file.fileno()).st_size / 1e6:.1f} MB)")
        video = await _call(
            client, "POST", "/api/videos", files={"file": (path.name, file)}, timeout=3600
        )
    while video["state"] not in {"ready", "rejected"}:
        await asyncio.sleep(0.1)
        video = await _call(client, "GET", f"/api/videos/{video['id']}")
    if video["state"] == "rejected":
        await _call(client, "DELETE", f"/api/videos/{video['id']}")
        raise DemoFailed(f"{path.name} cannot be used: {video['reason']}")
    return video


async def _caption(
    client: httpx.AsyncClient, video: dict[str, Any], out: Console
) -> dict[str, Any]:
    wanted = {"type": "captions", "video_id": video["id"], "language": "en"}
    job = await _call(
        client, "POST", "/api/jobs", json=wanted, headers={"idempotency-key": video["id"]}
    )
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out) as progress:
        bar = progress.add_task(f"Captioning {video['duration_seconds']:.0f} s of video", total=1.0)
        while job["status"] not in ENDED:
            await asyncio.sleep(0.2)
            job = await _call(client, "GET", f"/api/jobs/{job['id']}")
            progress.update(bar, completed=job["progress"])
    if job["status"] != "succeeded":
        reason = (job.get("error") or {}).get("detail", job["status"])
        raise DemoFailed(f"The captions could not be made: {reason}")
    return job


async def _call(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> dict[str, Any]:
    answer = await _ask(client, method, path, **more)
    return dict(answer.json()) if answer.content else {}


async def _ask(client: httpx.AsyncClient, method: str, path: str, **more: Any) -> httpx.Response:
    answer = await client.request(method, path, **more)
    if answer.is_success:
        return answer
    if "problem" not in answer.headers.get("content-type", ""):
        raise DemoFailed(f"{method} {path} answered {answer.status_code}.")
    problem = answer.json()
    wrong = "; ".join(f"{one['field']}: {one['message']}" for one in problem.get("errors", []))
    raise DemoFailed(f"{problem['detail']}{' ' + wrong if wrong else ''}")
