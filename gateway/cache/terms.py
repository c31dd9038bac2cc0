"""Which answers may be repeated, to whom, and for how long (RFC 9111, 3 and 4.2)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.headers import HeaderList

MAX_BODY_BYTES = 256 * 1024
"""A larger answer passes by: it is held back until it is whole, and few are asked for twice."""

VARYING = frozenset(
    {b"accept", b"accept-encoding", b"accept-language", b"authorization", b"cookie", b"origin"}
)
"""What an answer may differ by. Who sends `Authorization` or `Cookie` never gets here, so that for
all others these two have one value: none."""

_NOT_REPEATED = frozenset({b"set-cookie", b"age", b"expires", b"transfer-encoding"})
"""A cookie is for one client; an age tells of another cache; whoever still speaks in dates, which
`max-age` has replaced, is not understood here."""

_FOR_NOBODY_ELSE = frozenset({b"private", b"no-store", b"no-cache"})
_DIRECTIVE = re.compile(rb'([a-z-]+)(?:="?([^",]*)"?)?')


@dataclass(frozen=True, slots=True)
class Terms:
    """For how many seconds an answer may be repeated, and by which fields of a request it differs;
    `length` is that of its body."""

    seconds: float
    length: int
    varies: tuple[bytes, ...]


def terms_of(status: int, headers: HeaderList, longest: float) -> Terms | None:
    """The terms of an answer with these headers (lower-case names), `longest` seconds at most; None
    for one that may not be repeated."""
    if status != 200 or not _NOT_REPEATED.isdisjoint(name for name, _ in headers):
        return None
    length = _length(headers)
    seconds = _seconds(dict(_directives(headers)), longest)
    varies = set(_members(headers, b"vary"))
    if length is None or length > MAX_BODY_BYTES or seconds <= 0 or not varies <= VARYING:
        return None
    return Terms(seconds, length, tuple(sorted(varies)))


def _length(headers: HeaderList) -> int | None:
    """The announced length, None for a stream."""
    announced = [value for name, value in headers if name == b"content-length"]
    return int(announced[0]) if len(announced) == 1 and announced[0].isdigit() else None


def _seconds(directives: dict[bytes, bytes], longest: float) -> float:
    if not _FOR_NOBODY_ELSE.isdisjoint(directives):
        return 0.0
    stated = directives.get(b"s-maxage", directives.get(b"max-age"))
    if stated is None:
        return longest
    return min(longest, float(stated)) if stated.isdigit() else 0.0


def _directives(headers: HeaderList) -> Iterator[tuple[bytes, bytes]]:
    for member in _members(headers, b"cache-control"):
        if (found := _DIRECTIVE.match(member)) is not None:
            yield found[1], (found[2] or b"").strip()


def _members(headers: HeaderList, wanted: bytes) -> Sequence[bytes]:
    values = b",".join(value for name, value in headers if name == wanted)
    return [member.strip().lower() for member in values.split(b",") if member.strip()]
