"""A Bloom filter in a file: knows a large set, and seldom takes a stranger for one of it.

What is kept are SHA-1 digests, since that is how lists of breached passwords are handed around. The
first 32 bits of a digest choose a page of 8 KiB and the other 128 are eight positions in it, so
that a look-up reads one page, a sorted list is written from front to back, and nothing is hashed
again. The file is mapped: of a large one, memory holds the pages that were asked for.
"""

import mmap
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import ceil, exp
from pathlib import Path
from typing import NamedTuple

PAGE_BYTES = 8192
_PAGE_BITS = PAGE_BYTES * 8
_POSITIONS = 8
_DIGEST = struct.Struct(f">I{_POSITIONS}H")
DIGEST_BYTES = _DIGEST.size

_HEADER = struct.Struct(">16sQQ")
_MAGIC = b"madang filter 1\n"
_PAGES_FROM = 4096  # so that pages of the filter begin where pages of memory do


class NotAFilter(ValueError):  # noqa: N818 - reads as what happened
    """The file was not made by `write`, or is damaged."""


class Filter:
    """An open filter; `in` asks for a digest."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                raise NotAFilter(f"{path} is too short to be a filter of passwords.")
            magic, self.pages, self.entries = _HEADER.unpack(header)
            if magic != _MAGIC or size != _PAGES_FROM + self.pages * PAGE_BYTES or not self.pages:
                raise NotAFilter(
                    f"{path} is not a whole filter of passwords; make one with "
                    "`python -m auth_service.accounts.breached build`."
                )
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __contains__(self, digest: bytes) -> bool:
        at, positions = _place(digest, self.pages)
        bits = self._map
        return all(bits[at + (one >> 3)] >> (one & 7) & 1 for one in positions)

    @property
    def false_positives(self) -> float:
        """The share of strangers that seem to be known."""
        set_share = 1 - exp(-_POSITIONS * self.entries / (self.pages * _PAGE_BITS))
        return float(set_share**_POSITIONS)

    def close(self) -> None:
        """Unmap the file."""
        self._map.close()


def write(path: Path, digests: Iterable[bytes], entries: int, bits_per_entry: int) -> int:
    """Make the filter of `digests`, about as many as `entries`; its size in bytes.

    The file appears under its name when it is complete.
    """
    pages = max(1, ceil(entries * bits_per_entry / _PAGE_BITS))
    size = _PAGES_FROM + pages * PAGE_BYTES
    with _appearing(path) as beside, beside.open("w+b") as file:
        file.truncate(size)
        with mmap.mmap(file.fileno(), size) as bits:
            written = 0
            for digest in digests:
                at, positions = _place(digest, pages)
                for one in positions:
                    bits[at + (one >> 3)] |= 1 << (one & 7)
                written += 1
            bits[: _HEADER.size] = _HEADER.pack(_MAGIC, pages, written)
            bits.flush()
        os.fsync(file.fileno())
    return size


class _Place(NamedTuple):
    at: int
    positions: tuple[int, ...]


def _place(digest: bytes, pages: int) -> _Place:
    first, *positions = _DIGEST.unpack(digest)
    return _Place(_PAGES_FROM + (first * pages >> 32) * PAGE_BYTES, tuple(positions))


@contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
