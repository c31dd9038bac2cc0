"""The demonstration: the main job from sign-up to captions, over HTTP, as a front end does it."""

import asyncio
import os
import secrets
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.front_end import ENDED, FrontEnd, Refused
from deploy.home import Home
from deploy.running import NotStarted, running_suite
from deploy.sample import SAMPLE


class DemoFailed(Exception):  # noqa: N818 - reads as what it is
    """The demonstration could not be finished; the message says why and what would help."""


async def run_demo(home: Home, video: Path | None, out: Console) -> None:
    """Caption `video`, or the sample, and print the result. Raises DemoFailed."""
    path = video or SAMPLE
    _check(path)
    try:
        async with running_suite(home, out) as address:
            await _show(address, path, home, out)
    except (NotStarted, Refused) as error:
        raise DemoFailed(str(error)) from error


async def _show(address: str, path: Path, home: Home, out: Console) -> None:
    try:
        async with httpx.AsyncClient(base_url=address) as http:
            front_end = FrontEnd(http)
            await _sign_up(front_end, out)
            uploaded = await _upload(front_end, path, out)
            try:
                job = await _caption(front_end, uploaded, out)
            except (DemoFailed, Refused):
                await front_end.call("DELETE", f"/api/videos/{uploaded['id']}")
                raise
            captions = (await front_end.ask("GET", f"/api/jobs/{job['id']}/captions.srt")).text
            balance = await front_end.call("GET", "/api/credits/balance")
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


def _megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6


async def _sign_up(front_end: FrontEnd, out: Console) -> None:
    name = f"demo_{secrets.token_hex(4)}"
    email, password = f"{name}@example.com", f"Demo-{secrets.token_urlsafe(12)}-1a"
    account = {"email": email, "password": password, "user_handle": name}
    await front_end.call("POST", "/api/auth/register", json=account)
    await front_end.log_in(email, password)
    out.print(f"Signed up as {email}")


async def _upload(front_end: FrontEnd, path: Path, out: Console) -> dict[str, Any]:
    out.print(f"Uploading {path.name} ({_megabytes(path):.1f} MB)")
    video = await front_end.upload(path)
    if video["state"] == "rejected":
        await front_end.call("DELETE", f"/api/videos/{video['id']}")
        raise DemoFailed(f"{path.name} cannot be used: {video['reason']}")
    return video


async def _caption(front_end: FrontEnd, video: dict[str, Any], out: Console) -> dict[str, Any]:
    job = await front_end.submit_captions(video)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out) as progress:
        bar = progress.add_task(f"Captioning {video['duration_seconds']:.0f} s of video", total=1.0)
        while job["status"] not in ENDED:
            await asyncio.sleep(0.2)
            job = await front_end.call("GET", f"/api/jobs/{job['id']}")
            progress.update(bar, completed=job["progress"])
    if job["status"] != "succeeded":
        reason = (job.get("error") or {}).get("detail", job["status"])
        raise DemoFailed(f"The captions could not be made: {reason}")
    return job
