"""What a front end does, as short calls that fail with the whole answer."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support.suite import SAMPLE, Suite

ENDED = {"succeeded", "failed", "cancelled"}
PASSWORD = "Courtyard-42"


@dataclass
class FrontEnd:
    """One signed-in user of a suite."""

    http: httpx.AsyncClient
    name: str = field(default_factory=lambda: f"user_{secrets.token_hex(5)}")
    session: dict[str, Any] = field(default_factory=dict)

    @property
    def email(self) -> str:
        """The user's address."""
        return f"{self.name}@example.com"

    async def call(self, method: str, path: str, wanted: int = 200, **more: Any) -> Any:
        """The JSON of an answer with the status `wanted`."""
        answer = await self.http.request(method, path, **more)
        assert answer.status_code == wanted, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def sign_up(self) -> "FrontEnd":
        """Register, log in, and wait for the welcome credits."""
        account = {"email": self.email, "password": PASSWORD, "user_handle": self.name}
        await self.call("POST", "/api/auth/register", 201, json=account)
        await self.log_in()
        await until(self.has_credits)
        return self

    async def log_in(self, **more: str) -> None:
        """Begin a session by password, with `more` in the form; its access token lasts a quarter of
        an hour."""
        form = {"username": self.email, "password": PASSWORD, **more}
        self.session = await self.call("POST", "/api/auth/login", data=form)
        self.http.headers["authorization"] = f"Bearer {self.session['access_token']}"

    async def has_credits(self) -> bool:
        """Whether the welcome credits have arrived."""
        return int((await self.balance())["balance"]) > 0

    async def balance(self) -> dict[str, int]:
        """What the account holds."""
        found: dict[str, int] = await self.call("GET", "/api/credits/balance")
        return found

    async def upload(self, path: Path = SAMPLE, *, ready: bool = True) -> dict[str, Any]:
        """Upload a file, and wait until it has been probed."""
        with path.open("rb") as file:
            video = await self.call("POST", "/api/videos", 201, files={"file": (path.name, file)})
        deadline = time.monotonic() + 30
        while video["state"] not in {"ready", "rejected"}:
            assert time.monotonic() < deadline, f"not probed: {video}"
            await asyncio.sleep(0.05)
            video = await self.call("GET", f"/api/videos/{video['id']}")
        assert not ready or video["state"] == "ready", video
        return dict(video)

    async def video_when(self, path: str, states: set[str], seconds: float = 30) -> dict[str, Any]:
        """The video at `path` once it is in one of `states`."""
        deadline = time.monotonic() + seconds
        while (video := await self.call("GET", path))["state"] not in states:
            assert time.monotonic() < deadline, f"still {video}"
            await asyncio.sleep(0.05)
        return dict(video)

    async def submit(
        self, video_id: str, wanted: int = 202, key: str | None = None
    ) -> dict[str, Any]:
        """Submit a captions job."""
        headers = {"idempotency-key": key} if key else {}
        request = {"type": "captions", "video_id": video_id, "language": "en"}
        found: dict[str, Any] = await self.call(
            "POST", "/api/jobs", wanted, json=request, headers=headers
        )
        return found

    async def job(self, job_id: str) -> dict[str, Any]:
        """A job as it stands."""
        found: dict[str, Any] = await self.call("GET", f"/api/jobs/{job_id}")
        return found

    async def finished(self, job_id: str, seconds: float = 60) -> dict[str, Any]:
        """The job once it has ended."""
        return await self.job_when(job_id, ENDED, seconds)

    async def job_when(self, job_id: str, states: set[str], seconds: float = 60) -> dict[str, Any]:
        """The job once it is in one of `states`."""
        deadline = time.monotonic() + seconds
        while (job := await self.job(job_id))["status"] not in states:
            assert time.monotonic() < deadline, f"still {job}"
            await asyncio.sleep(0.05)
        return job


async def new_user(suite: Suite) -> FrontEnd:
    """A new user of `suite`, signed in, with welcome credits."""
    return await FrontEnd(suite.client()).sign_up()


async def until(met: Any, seconds: float = 30, why: Callable[[], object] = str) -> None:
    """Wait until `await met()` is true; `why` says what there is instead."""
    deadline = time.monotonic() + seconds
    while not await met():
        assert time.monotonic() < deadline, f"{met}: not in {seconds} s; {why()}"
        await asyncio.sleep(0.05)
