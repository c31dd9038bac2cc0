"""A real Chromium, driven by its DevTools protocol."""

import asyncio
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

PATIENCE_SECONDS = 30


def find_chromium() -> str | None:
    """The program, where it is installed."""
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome")
         if (path := shutil.which(name))), None
    )  # fmt: skip


class Page:
    """One tab."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._ids = itertools.count(1)

    async def command(self, method: str, **params: object) -> dict[str, Any]:
        """The result of a command of the protocol."""
        number = next(self._ids)
        await self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for message in self._connection:
                answer = json.loads(message)
                if answer.get("id") == number:
                    assert "error" not in answer, f"{method}: {answer['error']}"
                    result: dict[str, Any] = answer["result"]
                    return result
        raise AssertionError(f"{method}: the browser has gone")

    async def open(self, url: str) -> None:
        """Go to `url`, and wait until it is there."""
        await self.command("Page.navigate", url=url)
        while await self.run("document.readyState") != "complete" or not (
            str(await self.run("location.href")).startswith(url)
        ):
            await asyncio.sleep(0.05)

    async def run(self, script: str) -> Any:
        """What `script` comes to, or its promise; fails with what it throws."""
        answer = await self.command(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def add_authenticator(self) -> None:
        """A device with a screen lock, whose user always unlocks it."""
        await self.command("WebAuthn.enable")
        await self.command(
            "WebAuthn.addVirtualAuthenticator",
            options={
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            },
        )


@asynccontextmanager
async def a_page(program: str) -> AsyncIterator[Page]:
    """A new browser with a profile of its own, and its tab."""
    profile = Path(tempfile.mkdtemp(prefix="madang-chromium-"))
    process = await asyncio.create_subprocess_exec(
        program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--no-first-run", "--disable-background-networking", "--remote-debugging-port=0",
        f"--user-data-dir={profile}", "about:blank",
        env={"PATH": os.environ["PATH"], "HOME": str(profile)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with connect(await _address(profile), max_size=None) as connection:
            yield Page(connection)
    finally:
        process.terminate()
        await process.wait()
        shutil.rmtree(profile, ignore_errors=True)


async def _address(profile: Path) -> str:
    """Where the tab listens, once the browser has said so."""
    told = profile / "DevToolsActivePort"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not told.exists() or "\n" not in told.read_text():
            await asyncio.sleep(0.05)
    port = told.read_text().split("\n")[0]
    async with httpx.AsyncClient() as http:
        targets = (await http.get(f"http://127.0.0.1:{port}/json/list")).json()
    return next(str(one["webSocketDebuggerUrl"]) for one in targets if one["type"] == "page")
