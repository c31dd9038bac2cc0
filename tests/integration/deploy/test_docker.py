"""The small programs that the image brings: the one-shot set-up and the health check."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import asyncpg
import pytest

from deploy.docker.setup import set_up
from deploy.postgres.embedded import EmbeddedPostgres
from shared.db.identifiers import without_driver

ROOT = Path(__file__).parents[3]


def run(module: str, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={"PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
async def administrator(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The administrator's URL of a database of its own."""
    connection = await asyncpg.connect(without_driver(postgres.url("postgres", "postgres")))
    await connection.execute("CREATE DATABASE setting_up")
    yield postgres.url("postgres", "setting_up")
    await connection.execute("DROP DATABASE setting_up WITH (FORCE)")
    await connection.close()


async def test_setting_up_twice_leaves_every_schema_at_its_newest_version(
    administrator: str, postgres: EmbeddedPostgres
) -> None:
    # the roles are those of the whole server, so they keep the passwords that they have
    names = ("auth", "content", "jobs")
    passwords = {name: password_in(postgres.url(name)) for name in names}
    for _ in range(2):
        await set_up(administrator, passwords)
    for name in names:
        connection = await asyncpg.connect(without_driver(postgres.url(name, "setting_up")))
        assert await connection.fetchval(f"SELECT count(*) FROM {name}.alembic_version") == 1
        await connection.close()


def password_in(url: str) -> str:
    return url.partition("//")[2].partition("@")[0].partition(":")[2]


def test_set_up_says_why_it_cannot(tmp_path: Path) -> None:
    nowhere = f"postgresql://postgres:p@/madang?host={tmp_path}"
    passwords = {f"{name}_DB_PASSWORD": "p" for name in ("AUTH", "CONTENT", "JOBS")}
    done = run("deploy.docker.setup", DATABASE_ADMIN_URL=nowhere, **passwords)
    assert done.returncode == 1
    assert "setup_failed" in done.stderr


@contextmanager
def answering(status: int) -> Iterator[str]:
    """A server that answers everything with `status`; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b'{"status":"as asked"}')

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Be quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/health/ready"
    finally:
        server.shutdown()
        server.server_close()


def test_a_process_that_is_ready_is_healthy() -> None:
    with answering(200) as url:
        assert run("deploy.docker.healthcheck", url).returncode == 0


def test_a_process_that_is_not_ready_is_unhealthy_and_its_answer_is_shown() -> None:
    with answering(503) as url:
        done = run("deploy.docker.healthcheck", url)
    assert done.returncode == 1
    assert '503 {"status":"as asked"}' in done.stdout


def test_a_process_that_does_not_answer_is_unhealthy() -> None:
    with answering(200) as url:
        pass
    done = run("deploy.docker.healthcheck", url)
    assert done.returncode == 1
    assert "ConnectionRefusedError" in done.stdout
