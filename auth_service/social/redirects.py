"""Where a browser may be sent back to."""

from collections.abc import Iterable

from shared.errors import FieldError, Invalid
from shared.http.origins import DEFAULT_PORTS, split_url

MAX_URL = 2000
"""Characters; longer ones do not pass everywhere."""


class Redirects:
    """Pages on the origins that may call the API, and on its own; nothing else, so that nobody
    can have our codes sent to them, or use us to lend their page our name (RFC 9700, 4.11)."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(map(origin_of, origins))

    def check(self, url: str) -> str:
        """`url` as it is; raises `Invalid`."""
        if reason := self._objection(url):
            raise Invalid(errors=(FieldError("redirect_to", reason),))
        return url

    def _objection(self, url: str) -> str | None:
        # Browsers take a backslash for a slash, and pass over control characters and white space.
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            return "must be a URL of printable ASCII characters without spaces and backslashes"
        if len(url) > MAX_URL:
            return f"must have {MAX_URL} characters at most"
        if "#" in url:
            return "must have no fragment: the answer is put there"
        origin = origin_of(url)
        if origin is None or origin not in self._origins:
            return "must be a page on one of ALLOWED_ORIGINS, or on the API's own origin"
        return None


def origin_of(url: str) -> str | None:
    """The origin of a URL without user name, or None."""
    parts = split_url(url)
    if parts is None or parts.scheme not in DEFAULT_PORTS:
        return None
    if not parts.hostname or "@" in parts.netloc:
        return None
    return f"{parts.scheme}://{parts.netloc.lower()}"
