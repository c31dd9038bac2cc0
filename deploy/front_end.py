"""What a front end does, over HTTP, for commands that show or fill a suite."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

ENDED = {"succeeded", "failed", "cancelled"}


class Refused(Exception):  # noqa: N818 - reads as what happened
    """The suite refused a call; the message says why and what would help."""


class FrontEnd:
    """One user's calls through a client whose base URL is the gateway."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def log_in(self, login: str, password: str) -> None:
        """Be somebody from now on."""
        form = {"username": login, "password": password}
        session = await self.call("POST", "/api/auth/login", data=form)
        self._http.headers["authorization"] = f"Bearer {session['access_token']}"

    async def upload(self, path: Path) -> dict[str, Any]:
        """Upload a video and wait until it has been examined; it may turn out to be `rejected`."""
        with path.open("rb") as file:
            files = {"file": (path.name, file)}
            video = await self.call("POST", "/api/videos", files=files, timeout=3600)
        while video["state"] not in {"ready", "rejected"}:
            await asyncio.sleep(0.1)
            video = await self.call("GET", f"/api/videos/{video['id']}")
        return video

    async def submit_captions(self, video: dict[str, Any]) -> dict[str, Any]:
        """Ask for English captions; a second time, the same job is answered."""
        wanted = {"type": "captions", "video_id": video["id"], "language": "en"}
        headers = {"idempotency-key": video["id"]}
        return await self.call("POST", "/api/jobs", json=wanted, headers=headers)

    async def call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """The JSON of a good answer; raises `Refused`."""
        answer = await self.ask(method, path, **more)
        return dict(answer.json()) if answer.content else {}

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A good answer; raises `Refused`."""
        answer = await self._http.request(method, path, **more)
        if answer.is_success:
            return answer
        if "problem" not in answer.headers.get("content-type", ""):
            raise Refused(f"{method} {path} answered {answer.status_code}.")
        problem = answer.json()
        wrong = "; ".join(f"{one['field']}: {one['message']}" for one in problem.get("errors", []))
        raise Refused(f"{problem['detail']}{' ' + wrong if wrong else ''}")
