"""Makes filters from lists of breached passwords, in memory that does not grow with them."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from auth_service.accounts.breached.filter import write

_LINE = re.compile(rb"([0-9A-Fa-f]{40})(?::([0-9]+))?\s*")
_CHUNK = 1 << 20


class NotAList(ValueError):  # noqa: N818 - reads as what happened
    """The file is not a list of digests."""


def build(source: Path, target: Path, bits_per_entry: int, at_least: int) -> int:
    """Make the filter `target` from lines of `SHA-1:count`; how many entries it has.

    Passwords that were seen in breaches fewer times than `at_least` are left out. Raises `NotAList`
    with the number of the line that cannot be read, and OSError.
    """
    read = partial(_digests, source, at_least)
    entries = _lines(source) if at_least <= 1 else _count(read)
    written = 0

    def counted() -> Iterator[bytes]:
        nonlocal written
        for digest in read():
            written += 1
            yield digest

    write(target, counted(), entries, bits_per_entry)
    return written


def _digests(source: Path, at_least: int) -> Iterator[bytes]:
    with source.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if (found := _LINE.fullmatch(line)) is None:
                if not line.strip():
                    continue
                raise NotAList(
                    f"{source}, line {number}: expected 40 hexadecimal digits, a colon and a "
                    f"count, such as 7C4A8D09CA3762AF61E59520943DC26494F8941B:42, not {line[:60]!r}"
                )
            if int(found[2] or at_least) >= at_least:
                yield bytes.fromhex(found[1].decode())


def _lines(source: Path) -> int:
    with source.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(partial(file.read, _CHUNK), b"")) + 1


def _count(read: Callable[[], Iterator[bytes]]) -> int:
    return sum(1 for _ in read())
