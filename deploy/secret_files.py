"""Files that hold secrets."""

import os
from pathlib import Path


def write_secret(path: Path, content: bytes) -> None:
    """Replace `path` as a whole, on disk when this returns, and readable by its owner alone."""
    unfinished = path.with_suffix(".unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
