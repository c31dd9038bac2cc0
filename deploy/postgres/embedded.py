"""PostgreSQL 18 inside our own process tree: no server to install, no port, a password for each.

    postgres = await EmbeddedPostgres.start(home / "postgres", roles=("auth", "content", "jobs"))
    database_url = postgres.url("auth")
    await postgres.stop()

A server that outlived a killed process is taken over; one that died with it recovers.
"""

import asyncio
import fcntl
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from urllib.parse import quote

import asyncpg
import msgspec

from deploy.postgres.cluster import Cluster, ClusterFailed, NotRunning
from deploy.postgres.owner import Owner
from deploy.postgres.provision import provision
from deploy.secret_files import write_secret
from shared.db.identifiers import quoted, without_driver

DATABASE = "madang"
_PASSWORDS = "passwords.json"
_READY_SECONDS = 600
_NOT_READY = (asyncpg.CannotConnectNowError, ConnectionError, FileNotFoundError, NotRunning)


class FolderInUse(Exception):  # noqa: N818 - reads as what it is
    """Another process has the same data directory in use."""


class EmbeddedPostgres:
    """A running server with its database, and one role and schema per service."""

    def __init__(self, cluster: Cluster, passwords: Mapping[str, str], held: ExitStack) -> None:
        self._cluster = cluster
        self._passwords = passwords
        self._held = held

    @classmethod
    async def start(
        cls, folder: Path, *, roles: Sequence[str], settings: Mapping[str, str] | None = None
    ) -> "EmbeddedPostgres":
        """Start (and at the first time make) the server of `folder`, an absolute path.

        `settings` override PostgreSQL's. Raises `FolderInUse`, and `ClusterFailed` with what
        PostgreSQL said.
        """
        if not folder.is_absolute():
            raise ValueError(f"{folder} is not an absolute path")
        with ExitStack() as held:
            cluster, passwords = await asyncio.to_thread(_prepare, folder, roles, held)
            postgres = cls(cluster, passwords, held.pop_all())
        try:
            await postgres._become_ready(settings or {})
            await provision(
                postgres.url("postgres"), {role: postgres._passwords[role] for role in roles}
            )
        except BaseException:
            await postgres.stop()
            raise
        return postgres

    def url(self, role: str, database: str = DATABASE) -> str:
        """The URL by which `role`, or the superuser `postgres`, connects."""
        return _url(self._cluster, role, self._passwords[role], database)

    @staticmethod
    def url_of_running(folder: Path, role: str) -> str:
        """As `url`, for the server of `folder` that another process has started.

        Raises `ClusterFailed` when none runs there.
        """
        cluster = Cluster(folder / "data", Owner.choose())
        return _url(cluster, role, _kept_passwords(folder / _PASSWORDS)[role], DATABASE)

    async def stop(self) -> None:
        """Stop the server and let go of the folder."""
        with self._held:
            await asyncio.to_thread(self._cluster.stop)

    async def _become_ready(self, settings: Mapping[str, str]) -> None:
        """Start the server, or wait until the one that runs has started or ended."""
        async with asyncio.timeout(_READY_SECONDS):
            while True:
                await asyncio.to_thread(self._cluster.start, settings)
                try:
                    await self._ensure_database()
                except _NOT_READY:
                    await asyncio.sleep(0.1)
                else:
                    return

    async def _ensure_database(self) -> None:
        connection = await asyncpg.connect(without_driver(self.url("postgres", "postgres")))
        try:
            known = "SELECT 1 FROM pg_database WHERE datname = $1"
            if not await connection.fetchval(known, DATABASE):
                await connection.execute(f"CREATE DATABASE {quoted(DATABASE)}")
        finally:
            await connection.close()


def _prepare(
    folder: Path, roles: Sequence[str], held: ExitStack
) -> tuple[Cluster, Mapping[str, str]]:
    owner = Owner.choose()
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    folder = folder.resolve()
    owner.let_reach(folder / "data")
    held.enter_context(_lock(folder / "lock"))
    cluster = Cluster(folder / "data", owner)
    passwords = _passwords(folder / _PASSWORDS, ("postgres", *roles), cluster)
    if not cluster.exists:
        cluster.create(passwords["postgres"])
    return cluster, passwords


def _lock(path: Path) -> IO[str]:
    """A lock that ends with this process, however it ends."""
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        pid = file.read().strip()
        file.close()
        raise FolderInUse(f"Process {pid} already uses {path.parent}.") from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _url(cluster: Cluster, role: str, password: str, database: str) -> str:
    host = quote(str(cluster.socket_folder()), safe="/")
    return f"postgresql+asyncpg://{role}:{password}@/{database}?host={host}"


def _kept_passwords(path: Path) -> dict[str, str]:
    return msgspec.json.decode(path.read_bytes(), type=dict[str, str])


def _passwords(path: Path, roles: Sequence[str], cluster: Cluster) -> Mapping[str, str]:
    """The passwords kept in `path`; one is made for each role that has none."""
    if path.exists():
        kept = _kept_passwords(path)
    elif cluster.exists:
        raise ClusterFailed(f"{path} is missing, without which {cluster.data} cannot be opened.")
    else:
        kept = {}
    missing = [role for role in roles if role not in kept]
    if missing:
        kept |= {role: secrets.token_urlsafe(32) for role in missing}
        write_secret(path, msgspec.json.encode(kept))
    return kept
