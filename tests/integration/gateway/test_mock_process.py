"""Mock mode as a process of its own, with nothing in its environment but the switch."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from gateway.documented import documented
from tests.support.front_end import FrontEnd
from tests.support.loopback import free_port
from tests.support.suite import ROOT

SECONDS = 20


def environment(**settings: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings}


@contextmanager
def mock_mode(folder: Path, command: list[str]) -> Iterator[str]:
    """The address of a mock that runs as long as the context lasts."""
    port = free_port()
    log = folder / f"{port}.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, *command],
            env=environment(USE_MOCK_API="true", PORT=str(port)),
            cwd=folder,
            stdout=written,
            stderr=written,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + SECONDS
        while not _answers(address):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        assert process.wait(SECONDS) == 0, log.read_text()


def run(folder: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [sys.executable, *command],
        env=environment(**settings),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mock_mode(tmp_path_factory.mktemp("mock"), ["-m", "gateway"]) as found:
        yield found


async def test_a_front_end_does_its_main_job_on_examples(address: str) -> None:
    async with httpx.AsyncClient(base_url=address) as http:
        user = await FrontEnd(http).sign_up()
        video = await user.upload()
        job = await user.submit(video["id"], key="once")
        assert (await user.finished(job["id"]))["id"] == job["id"]
        captions = await http.get(f"/api/jobs/{job['id']}/captions.vtt")
    assert captions.text.startswith("WEBVTT")


def test_the_switch_works_for_the_command_too_and_two_processes_answer_the_same_bytes(
    address: str, tmp_path: Path
) -> None:
    command = ["-m", "deploy.cli", "run"]
    headers = {"authorization": "Bearer any", "x-request-id": "a" * 32}
    paths = [re.sub(r"{extension}", "json", path) for path in documented()["paths"]]
    paths = [re.sub(r"{\w+}", "01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42", path) for path in paths]
    with mock_mode(tmp_path, command) as second:
        for path in paths:
            one, other = (httpx.get(base + path, headers=headers) for base in (address, second))
            assert (one.status_code, one.content) == (other.status_code, other.content), path


def test_the_page_to_try_the_api_has_a_document(address: str) -> None:
    assert httpx.get(f"{address}/docs").status_code == 200
    shown = httpx.get(f"{address}/docs/openapi.json").json()
    assert shown["paths"].keys() == documented()["paths"].keys()


@pytest.mark.parametrize("command", [["-m", "gateway"], ["-m", "deploy.cli", "run"]])
def test_production_refuses_mock_mode(command: list[str], tmp_path: Path) -> None:
    ended = run(tmp_path, *command, USE_MOCK_API="true", ENVIRONMENT="production")
    assert ended.returncode == 2
    assert "USE_MOCK_API: it must be false when ENVIRONMENT is production" in ended.stderr


def test_the_demonstration_says_that_it_needs_the_real_suite(tmp_path: Path) -> None:
    ended = run(tmp_path, "-m", "deploy.cli", "demo", USE_MOCK_API="true")
    assert ended.returncode == 2
    assert "USE_MOCK_API" in ended.stderr


def test_without_the_switch_the_gateway_still_wants_its_settings(tmp_path: Path) -> None:
    ended = run(tmp_path, "-m", "gateway")
    assert ended.returncode == 2
    assert "SECRET_KEY: it is missing" in ended.stderr
