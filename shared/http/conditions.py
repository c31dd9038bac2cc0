"""Which part of a file a request asks for, and under which conditions (RFC 9110, 13 and 14)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from shared.errors import PreconditionFailed, RangeNotSatisfiable

_ONE_RANGE = re.compile(r"bytes=[ \t,]*(\d{0,18})-(\d{0,18})[ \t,]*", re.IGNORECASE | re.ASCII)
_TAG = re.compile(r'(?:W/)?"[^"]*"')


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from `start` to before `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells this content from any other: a strong entity tag, quoted, and the time of its last
    change where that is known."""

    etag: str
    modified: datetime | None = None

    @property
    def last_modified(self) -> str | None:
        """The time as `Last-Modified` says it, in whole seconds."""
        return (
            format_datetime(self.modified.astimezone(UTC), usegmt=True) if self.modified else None
        )

    def is_as_old_as(self, date: str | None) -> bool | None:
        """Whether the last change was at `date` or before; None where one of them is not known, and
        the condition therefore void."""
        moment = _date(date)
        if moment is None or self.modified is None:
            return None
        return self.modified.replace(microsecond=0) <= moment


def require_conditions(headers: Mapping[str, str], present: Validators) -> None:
    """Raise `PreconditionFailed` where the client wants only what it has in mind, and this is
    other content (RFC 9110, 13.1.1 and 13.1.4)."""
    if (wanted := headers.get("if-match")) is not None:
        is_other = wanted.strip() != "*" and present.etag not in _TAG.findall(wanted)
    else:
        is_other = present.is_as_old_as(headers.get("if-unmodified-since")) is False
    if is_other:
        raise PreconditionFailed(f"The file's ETag is {present.etag}.")


def is_known(headers: Mapping[str, str], present: Validators) -> bool:
    """Whether the client has this content already (RFC 9110, 13.1.2 and 13.1.3)."""
    if (known := headers.get("if-none-match")) is not None:
        tags = [tag.removeprefix("W/") for tag in _TAG.findall(known)]
        return known.strip() == "*" or present.etag in tags
    return present.is_as_old_as(headers.get("if-modified-since")) is True


def range_of(headers: Mapping[str, str], present: Validators, size: int) -> ByteRange | None:
    """The range to send of `size` bytes, or None for all: where none is asked for, and where
    `If-Range` names other content (RFC 9110, 13.1.5). Raises `RangeNotSatisfiable`."""
    condition = headers.get("if-range")
    if condition is not None and condition.strip() not in (present.etag, present.last_modified):
        return None
    return wanted_range(headers.get("range", ""), size)


def wanted_range(header: str, size: int) -> ByteRange | None:
    """The one range that `header` asks of a file of `size` bytes; None means all of it.

    Raises `RangeNotSatisfiable`. What is no byte range, or several, is ignored (RFC 9110, 14.2): an
    answer of many parts helps no player, and lets one request ask for the same bytes many times.
    """
    match = _ONE_RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size:
        raise RangeNotSatisfiable(
            f"The file has {size} bytes; {header!r} asks for none of them.",
            headers={"content-range": f"bytes */{size}"},
        )
    return ByteRange(start, end)


def _date(text: str | None) -> datetime | None:
    """A date of a header; None when it is none."""
    try:
        found = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found
