"""`madang seed`: test users, and for some of them a video with its captions."""

import asyncio
from typing import Any

import httpx
from rich.console import Console

from auth_service.seeding.domain import PASSWORD, PEOPLE, Person
from deploy.front_end import ENDED, FrontEnd
from deploy.home import Home
from deploy.running import running_suite
from deploy.sample import SAMPLE

_WITH_VIDEOS = 3
_DEFAULT_ADDRESS = "http://127.0.0.1:8000"
_CREDITS_SECONDS = 30.0


async def seed_videos(home: Home, out: Console) -> None:
    """Give the first test users a captioned video, unless they have one.

    Raises `NotStarted`, `Refused`, and TimeoutError when the welcome credits do not arrive.
    """
    async with running_suite(home, out) as address:
        for person in PEOPLE[:_WITH_VIDEOS]:
            async with httpx.AsyncClient(base_url=address) as http:
                await _seed_video(FrontEnd(http), person, out)
    out.print(
        "\nLog in while the suite runs (make run):\n"
        f"  curl {home.address() or _DEFAULT_ADDRESS}/api/auth/login "
        f"-d username={PEOPLE[0].email} -d password={PASSWORD}",
        soft_wrap=True,
    )


async def _seed_video(front_end: FrontEnd, person: Person, out: Console) -> None:
    await front_end.log_in(person.email, PASSWORD)
    if (await front_end.call("GET", "/api/videos"))["items"]:
        out.print(f"{person.handle} has a video already")
        return
    job = await _caption(front_end, await front_end.upload(SAMPLE))
    out.print(f"{person.handle} has a video; captioning it {job['status']}")


async def _caption(front_end: FrontEnd, video: dict[str, Any]) -> dict[str, Any]:
    await _wait_for_credits(front_end)
    job = await front_end.submit_captions(video)
    while job["status"] not in ENDED:
        await asyncio.sleep(0.2)
        job = await front_end.call("GET", f"/api/jobs/{job['id']}")
    return job


async def _wait_for_credits(front_end: FrontEnd) -> None:
    """The welcome credits are on their way, by an event."""
    async with asyncio.timeout(_CREDITS_SECONDS):
        found = await front_end.call("GET", "/api/credits/balance")
        while not found["balance"]:
            await asyncio.sleep(0.1)
            found = await front_end.call("GET", "/api/credits/balance")
