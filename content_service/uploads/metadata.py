"""`Upload-Metadata` (tus 1.0, Creation): keys with values in Base64, separated by commas."""

import binascii
import re
from base64 import b64decode
from dataclasses import dataclass
from pathlib import PurePath

from content_service.videos.upload_form import clean_filename, clean_title
from shared.errors import FieldError, Invalid

HEADER = "Upload-Metadata"
MAX_BYTES = 4096
_KEY = re.compile(r"[!-+\--~]+")
_NAMES = ("filename", "name")
"""What clients call the name: tus-js-client's own examples, and Uppy, which sends both."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a client says of its file; the title is never empty."""

    filename: str
    title: str

    @classmethod
    def of(cls, header: str) -> "Description":
        """Read the header, which has been checked; raises `Invalid`."""
        values = parse(header)
        given = next((values[name] for name in _NAMES if values.get(name)), b"")
        filename = clean_filename(given)
        return cls(filename, clean_title(values.get("title", b"")) or PurePath(filename).stem)


def parse(header: str) -> dict[str, bytes]:
    """The values by key; raises `Invalid`."""
    if len(header) > MAX_BYTES:
        raise _wrong(f"may have {MAX_BYTES} bytes at most")
    values: dict[str, bytes] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, encoded = pair.partition(" ")
        if not _KEY.fullmatch(key):
            raise _wrong(f"has the key {key!r}; keys are ASCII, without spaces and commas")
        if key in values:
            raise _wrong(f"has the key {key!r} twice")
        try:
            values[key] = b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            raise _wrong(f"must have the value of {key!r} in Base64") from None
    return values


def _wrong(message: str) -> Invalid:
    return Invalid(errors=(FieldError(HEADER, message),))
