"""The whole suite as real processes, in both topologies: embedded in one, or split into five."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

import httpx

from deploy.postgres.embedded import EmbeddedPostgres
from tests.support.loopback import free_port, free_ports
from tests.support.openid_provider import entry
from tests.support.smtp import MailServer
from tests.support.stripe_server import KEY, WEBHOOK_SECRET

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "deploy" / "sample" / "welcome.mp4"
PATIENCE_SECONDS = 60
OPENID_PORT, CHAT_PORT = free_ports(2)
"""Where a test may start an OpenID provider, and a model server, that every suite knows."""
STRIPE_PORT = free_port()
"""Where a test may start a Stripe, which every suite sells by."""
PACKAGES = [{"id": "small", "credits": 100, "price": 500, "currency": "eur"}]
SETTINGS = {
    "CREDIT_PACKAGES": json.dumps(PACKAGES),
    "STRIPE_API_BASE": f"http://127.0.0.1:{STRIPE_PORT}",
    "STRIPE_SECRET_KEY": KEY,
    "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
    "PURCHASE_SUCCESS_URL": "https://app.example/paid",
    "PURCHASE_CANCEL_URL": "https://app.example/credits",
    "OIDC_PROVIDERS": json.dumps([entry(OPENID_PORT)]),
    "OPENAI_BASE_URL": f"http://127.0.0.1:{CHAT_PORT}/v1",
    "OPENAI_API_KEY": "sk-test-0123456789",
    "TEXT_PROVIDER": "offline",  # unless a test asks for the model server
    "LEASE_SECONDS": "2",  # so that a killed worker's job is soon taken up again
    "WELCOME_CREDITS": "20",
    "ALLOWED_ORIGINS": '["https://app.example"]',
    "ACCOUNT_DELETION_DAYS": "0",
    "WEBHOOK_ALLOW_PRIVATE": "true",  # tests listen on this machine
    "RATE_LIMIT_EXEMPT": "127.0.0.0/8",  # all the users of a test live at one address
    "RATE_LIMIT_REST_PER_MINUTE": "100000",  # and some of them are busy
}


class Process:
    """One process of a suite, which a test may kill and start again."""

    def __init__(self, arguments: list[str], env: Mapping[str, str], log: Path) -> None:
        self._arguments = arguments
        self.env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **env}
        self.log = log
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; `Suite` waits until it answers."""
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                [sys.executable, *self._arguments],
                cwd=self.log.parent,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def copy(self, log: Path, **changed: str) -> "Process":
        """Another process of the same kind, not started, with other settings."""
        return Process(self._arguments, {**self.env, **changed}, log)

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self._running is not None
        return self._running.pid

    def check_alive(self) -> None:
        """Fail with the end of the log when it has ended."""
        if self._running is not None and self._running.poll() is not None:
            tail = self.log.read_text(errors="replace")[-4000:]
            raise AssertionError(f"{self._arguments} ended:\n{tail}")

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._running is not None
        self._running.kill()
        self._running.wait()

    def stop(self) -> int:
        """End it as an operator would; its exit code."""
        if self._running is None:
            return 0
        self._running.send_signal(signal.SIGTERM)
        return self._running.wait(timeout=40)


@dataclass
class Suite:
    """A running suite: where it answers, and its processes by name."""

    address: str
    processes: dict[str, Process]
    health: dict[str, str]
    """Where each process answers `/health/ready`."""
    home: Path
    jobs_url: str | None = None
    """The URL of the database, as the jobs service's role (split topology)."""
    services: dict[str, str] = field(default_factory=dict)
    mailbox: MailServer | None = None
    """Where its mails go; without, they are files in `outbox`."""

    @property
    def outbox(self) -> Path:
        """The directory of mails that have no server to go to."""
        return self.home / ("mail" if self.services else "data/mail")

    def mails_to(self, address: str) -> list[EmailMessage]:
        """What has been sent to that address, in the order of its writing."""
        if self.mailbox is not None:
            found = self.mailbox.messages
        else:
            files = [file.read_bytes() for file in sorted(self.outbox.glob("*.eml"))]
            parser = BytesParser(EmailMessage, policy=default)
            found = [parser.parsebytes(content) for content in files]
        return [message for message in found if message["to"] == address]

    def client(self) -> httpx.AsyncClient:
        """A browser's view: everything through the gateway."""
        return httpx.AsyncClient(base_url=self.address, timeout=60)

    async def wait_ready(self, *names: str) -> None:
        """Wait until these processes, or all, can do their work."""
        async with httpx.AsyncClient(timeout=3) as client:
            for name in names or self.health:
                await self._wait_ready(client, name)

    async def _wait_ready(self, client: httpx.AsyncClient, name: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            self.processes[name].check_alive()
            try:
                if (await client.get(self.health[name])).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            if time.monotonic() > deadline:
                tail = self.processes[name].log.read_text(errors="replace")[-4000:]
                raise AssertionError(f"{name} is not ready:\n{tail}")
            await asyncio.sleep(0.05)

    def stop(self) -> dict[str, int]:
        """Stop every process, the gateway first; their exit codes."""
        return {name: process.stop() for name, process in self.processes.items()}


async def start_embedded(settings: Mapping[str, str] = SETTINGS) -> Suite:
    """`madang run` on a free port, with its data in a new directory."""
    home = new_home("madang-embedded-")
    port = free_port()
    env = {**settings, "MADANG_HOME": str(home / "data"), "LOG_LEVEL": "INFO"}
    arguments = ["-m", "deploy.cli", "run", "--port", str(port)]
    process = Process(arguments, env, home / "suite.log")
    address = f"http://127.0.0.1:{port}"
    suite = Suite(address, {"suite": process}, {"suite": f"{address}/health/full"}, home)
    process.start()
    await suite.wait_ready()
    return suite


async def start_split(
    postgres: EmbeddedPostgres, amqp_url: str, settings: Mapping[str, str] = SETTINGS
) -> Suite:
    """Gateway, auth, content, jobs and worker as processes of their own."""
    home = new_home("madang-split-")
    ports = {name: free_port() for name in ("gateway", "auth", "content", "jobs", "worker")}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    common = {
        **settings,
        "SECRET_KEY": secrets.token_urlsafe(48),
        "AMQP_URL": amqp_url,
        "AUTH_URL": urls["auth"],
        "CONTENT_URL": urls["content"],
        "JOBS_URL": urls["jobs"],
        "STORAGE_URL": f"file://{home}/storage",
        "PUBLIC_URL": urls["gateway"],
        "MAIL_OUTBOX": f"{home}/mail",
    }
    (home / "storage").mkdir()
    modules = {
        "gateway": "gateway",
        "auth": "auth_service",
        "content": "content_service",
        "jobs": "jobs_service",
        "worker": "jobs_service.worker",
    }
    processes = {}
    for name, module in modules.items():
        role = "jobs" if name == "worker" else name
        env = {**common, "PORT": str(ports[name])}
        if role != "gateway":
            env["DATABASE_URL"] = postgres.url(role)
            if name != "worker":
                await _migrate(module, env, home)
        processes[name] = Process(["-m", module], env, home / f"{name}.log")
    health = {name: f"{url}/health/ready" for name, url in urls.items()}
    health["gateway"] = f"{urls['gateway']}/health/full"
    suite = Suite(urls["gateway"], processes, health, home, postgres.url("jobs"), services=urls)
    for process in processes.values():
        process.start()
    await suite.wait_ready()
    return suite


async def _migrate(module: str, env: Mapping[str, str], home: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, "migrate",
        cwd=home,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **env},
    )  # fmt: skip
    assert await process.wait() == 0, f"python -m {module} migrate failed"


def new_home(prefix: str) -> Path:
    """A new directory for a suite; not one of pytest's, which closes them to other users."""
    home = Path(tempfile.mkdtemp(prefix=prefix))
    home.chmod(0o711)  # the embedded PostgreSQL may run as a user of its own
    return home
