"""Paths that will go, announced on every answer (RFC 9745 `Deprecation`, RFC 8594 `Sunset`)."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any

import msgspec

from gateway.documented import documented
from gateway.headers import HeaderList


class Deprecation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Since when a path should not be used any more, when it will go, and what takes its place.

    Days begin at midnight UTC.
    """

    since: date
    sunset: date | None = None
    successor: str | None = None

    def headers(self) -> HeaderList:
        """What every answer from the path carries."""
        headers = [(b"deprecation", b"@%d" % _midnight(self.since).timestamp())]
        if self.sunset is not None:
            ends = format_datetime(_midnight(self.sunset), usegmt=True)
            headers.append((b"sunset", ends.encode()))
        if self.successor is not None:
            headers.append((b"link", f'<{self.successor}>; rel="successor-version"'.encode()))
        return headers


Deprecations = Mapping[str, Deprecation]
"""By path."""


def deprecations_in(given: str) -> dict[str, Deprecation]:
    """What a JSON object of paths says; raises ValueError with a line for each mistake."""
    try:
        entries = msgspec.json.decode(given, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise ValueError(f"is no JSON object of paths: {error}") from None
    if not entries:
        return {}
    paths = documented()["paths"].keys()
    found, refused = {}, []
    for path, entry in entries.items():
        try:
            found[path] = _checked(path, entry, paths)
        except ValueError as error:
            refused.append(f"{path!r}: {error}")
    if refused:
        raise ValueError("; ".join(refused))
    return found


def _checked(path: str, entry: Any, paths: Any) -> Deprecation:
    if path not in paths or "{" in path:
        raise ValueError("only a whole path of the API without parameters can be deprecated")
    deprecation = msgspec.convert(entry, Deprecation)
    if deprecation.sunset is not None and deprecation.sunset < deprecation.since:
        raise ValueError("sunset is before since (RFC 9745, 4)")
    if deprecation.successor is not None and deprecation.successor not in paths:
        raise ValueError(f"successor {deprecation.successor!r} is no path of the API")
    return deprecation


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
