"""What goes into an archive, whichever service knows it: records by their kind, and files."""

import re
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from auth_service.exports.archive import Archive, Entry
from shared.errors import NotFound, Unavailable
from shared.security.principal import UserId

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


class FileGone(NotFound):
    """The file has been removed since its record was read."""

    code, title = "export_file_gone", "A file was removed while it was to be exported"


class SourceAway(Unavailable):
    """A service does not tell what it knows right now; `reason` is the code of that."""

    code, title = "export_source_away", "A service does not tell what it knows of you right now"

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class File(msgspec.Struct, frozen=True):
    """A file that belongs to a record: where its source keeps it, and how to call it."""

    path: str
    name: str


class Record(msgspec.Struct, frozen=True):
    """One thing that is known; those of a kind follow each other."""

    kind: str
    record: msgspec.Raw
    file: File | None = None


class Source(Protocol):
    """Somebody who knows something of a user."""

    @property
    def name(self) -> str:
        """The folder of the archive."""
        ...

    def records(self, user: UserId) -> AsyncIterator[Record]:
        """All that is known; raises `SourceAway`."""
        ...

    def content(self, file: File) -> AsyncIterator[bytes]:
        """A file of a record; raises `FileGone` and `SourceAway`."""
        ...


async def collect(source: Source, user: UserId, archive: Archive) -> None:
    """Pack what `source` knows: a JSON array for each kind of record, and the files."""
    files = await _collect_records(source, user, archive)
    for path, file in files:
        content = source.content(file)
        try:
            first = await anext(content, b"")
        except FileGone as gone:
            archive.miss(path, gone.detail)
            continue
        async with archive.entry(path, compress=False) as entry:
            await entry.write(first)
            async for block in content:
                await entry.write(block)


async def _collect_records(
    source: Source, user: UserId, archive: Archive
) -> list[tuple[str, File]]:
    files: list[tuple[str, File]] = []
    records = source.records(user)
    record = await anext(records, None)
    while record is not None:
        kind = _safe(record.kind)
        async with archive.entry(f"{source.name}/{kind}.json") as entry:
            await entry.write(b"[\n")
            record = await _write_kind(records, record, entry, files, f"{source.name}/{kind}")
            await entry.write(b"\n]\n")
    return files


async def _write_kind(
    records: AsyncIterator[Record],
    first: Record,
    entry: Entry,
    files: list[tuple[str, File]],
    folder: str,
) -> Record | None:
    """Write all records of one kind; the first one of the next."""
    record: Record | None = first
    separator = b""
    while record is not None and record.kind == first.kind:
        await entry.write(separator + bytes(record.record))
        separator = b",\n"
        if record.file is not None:
            files.append((f"{folder}/{_safe(record.file.name)}", record.file))
        record = await anext(records, None)
    return record


def _safe(name: str) -> str:
    """A name that leads nowhere else, whatever unpacks it."""
    return _UNSAFE.sub("_", name).lstrip(".")[-100:] or "_"
