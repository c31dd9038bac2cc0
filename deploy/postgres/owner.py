"""The system user that a PostgreSQL server runs as: ourselves, or `pgserver` when we are root."""

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from shared.observability.logging import get_logger

log = get_logger(__name__)
_NAME = "pgserver"


class Credentials(TypedDict, total=False):
    """Arguments of `subprocess.run`."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns the data directory and runs the server."""

    uid: int
    gid: int

    @classmethod
    def choose(cls) -> "Owner":
        """Ourselves; as root the user `pgserver`, who is made when missing."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        try:
            entry = pwd.getpwnam(_NAME)
        except KeyError:
            make = ["useradd", "--system", "--user-group", "--shell", "/usr/sbin/nologin", _NAME]
            subprocess.run(make, check=True, capture_output=True)
            entry = pwd.getpwnam(_NAME)
        return cls(entry.pw_uid, entry.pw_gid)

    @property
    def is_us(self) -> bool:
        """Whether no change of user is needed."""
        return self.uid == os.geteuid()

    def credentials(self) -> Credentials:
        """What makes a program run as this user."""
        if self.is_us:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make `path` this user's."""
        if not self.is_us:
            os.chown(path, self.uid, self.gid)

    def make_folder(self, path: Path) -> None:
        """A folder that this user alone may enter; raises PermissionError when `path` is someone
        else's, as it could be in a shared folder for temporary files."""
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (self.uid, os.geteuid()):
                raise PermissionError(f"{path} belongs to somebody else") from None
            path.chmod(0o700)
        self.give(path)

    def let_reach(self, path: Path) -> None:
        """Let this user pass through every folder above `path` (pass, not read)."""
        if self.is_us:
            return
        for folder in path.parents:
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH:
                log.warning("folder_opened", folder=str(folder), why="PostgreSQL must pass through")
                folder.chmod(mode | stat.S_IXOTH)
