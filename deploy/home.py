"""The one directory of an embedded installation: data, secrets, and who is using it now."""

import fcntl
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.secret_files import write_secret


class AlreadyRunning(Exception):  # noqa: N818 - a fact, not a fault
    """Another suite works on this home; `address` is where it answers, when it says so."""

    def __init__(self, home: Path, address: str | None) -> None:
        where = f" at {address}" if address else ""
        super().__init__(f"Madang is already running{where}, with its data under {home}.")
        self.address = address


@dataclass(frozen=True, slots=True)
class Home:
    """Paths under the absolute directory `root`."""

    root: Path

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data."""
        return self.root / "postgres"

    @property
    def storage(self) -> Path:
        """Uploaded files."""
        return self.root / "storage"

    @property
    def work(self) -> Path:
        """Temporary files of the worker."""
        return self.root / "work"

    @property
    def mail(self) -> Path:
        """Mails, where no mail server is set."""
        return self.root / "mail"

    @property
    def log(self) -> Path:
        """What a suite in the background logs."""
        return self.root / "madang.log"

    def prepare(self) -> None:
        """Make the directories, readable by this user alone."""
        # Postgres may run as a user of its own, which has to pass through this directory
        self.root.mkdir(parents=True, exist_ok=True, mode=0o711)
        for directory in (self.storage, self.work):
            directory.mkdir(exist_ok=True, mode=0o700)

    def secret_key(self) -> str:
        """The secret of this installation, made at the first call."""
        path = self.root / "secret-key"
        if not path.exists():
            write_secret(path, secrets.token_urlsafe(48).encode())
        return path.read_text()

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold this home for one suite; raises AlreadyRunning when another one has it."""
        with (self.root / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise AlreadyRunning(self.root, self.address()) from None
            self._address_file.unlink(missing_ok=True)
            try:
                yield
            finally:
                self._address_file.unlink(missing_ok=True)

    def address(self) -> str | None:
        """Where the suite that uses this home says that it answers."""
        try:
            return self._address_file.read_text() or None
        except FileNotFoundError:
            return None

    def announce(self, address: str) -> None:
        """Tell others where this suite answers."""
        self._address_file.write_text(address)

    @property
    def _address_file(self) -> Path:
        return self.root / "address"
