"""Temporary files that outlive no process for long, however it ends."""

import asyncio
import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path


class Scratch:
    """Temporary files in `directory`, by default the system's, named after their `purpose`.

    Each is locked while it is in use, so that `sweep` knows what a killed process has left, also
    in a directory that several processes share.
    """

    def __init__(self, purpose: str, directory: Path | None = None) -> None:
        self._prefix = f"madang-{purpose}-"
        self._directory = directory or Path(tempfile.gettempdir())

    @contextmanager
    def file(self) -> Iterator[tuple[FileIO, Path]]:
        """A new, unbuffered file and its path; removed when the context ends."""
        handle, name = tempfile.mkstemp(prefix=self._prefix, dir=self._directory)
        try:
            with FileIO(handle, "w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield file, Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    async def sweep(self) -> None:
        """Make the directory, and remove what nobody uses any more."""
        await asyncio.to_thread(self._sweep)

    def _sweep(self) -> None:
        self._directory.mkdir(parents=True, mode=0o700, exist_ok=True)
        for path in self._directory.glob(f"{self._prefix}*"):
            with path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                path.unlink(missing_ok=True)
