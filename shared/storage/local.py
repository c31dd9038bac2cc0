"""What a local directory needs beyond obstore, which writes files and does not sync them."""

import os
import re
from pathlib import Path

_STAGED = re.compile(r"#\d+")


def sync_directory(path: Path) -> None:
    """Force the entries of a directory, and its own entry, to disk."""
    _sync(path)
    _sync(path.parent)


def remove_leftovers(path: Path) -> None:
    """Remove the files `<name>#<n>` in which obstore stages a write to `path`."""
    for staged in path.parent.glob(f"{path.name}#*"):
        if _STAGED.fullmatch(staged.name.removeprefix(path.name)):
            staged.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
