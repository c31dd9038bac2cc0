"""Origins whose pages may call the API: one setting, read and checked alike wherever it counts."""

from collections import Counter
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, ValidationInfo, field_validator

from shared.settings import LISTED, ProcessSettings, is_production

DEFAULT_PORTS = {"http": 80, "https": 443}


class OriginSettings(ProcessSettings):
    """For a process that judges by the `Origin` of a request."""

    allowed_origins: Annotated[tuple[str, ...], LISTED] = Field(
        (),
        description="Origins whose pages may call the API: a JSON array, or separated by commas. "
        "Each is exact, such as https://app.example.",
    )

    @field_validator("allowed_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        secure = is_production(info)
        refused = [
            f"{origin!r} is refused: {reason}"
            for origin in dict.fromkeys(value)
            if (reason := _refusal_of(origin, secure=secure))
        ]
        twice = [origin for origin, times in Counter(value).items() if times > 1]
        refused += [f"{origin!r} is listed more than once" for origin in twice]
        if refused:
            raise ValueError("\n".join(refused))
        return value


def split_url(url: str) -> SplitResult | None:
    """The parts of `url`, or None where it cannot be taken apart."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError:
        return None
    return parts


def _refusal_of(origin: str, *, secure: bool) -> str | None:
    """Why `origin` may not be allowed, or None; `secure` refuses all but https."""
    if origin == "*":
        return "it would let every site act in the name of a logged-in user; list each origin"
    if "*" in origin:
        return "wildcards are not supported; list each origin"
    parts = split_url(origin)
    if parts is None or parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return "an origin reads https://host or https://host:port"
    if origin.endswith("/"):
        return "an origin has no trailing slash"
    if parts.path or parts.query or parts.fragment:
        return "an origin has no path"
    if parts.username is not None:
        return "an origin holds no user name"
    if not origin.isascii() or origin != origin.lower():
        return "browsers send an origin in lower case, and in punycode"
    if parts.port == DEFAULT_PORTS[parts.scheme]:
        return f"browsers leave out the port {parts.port} of {parts.scheme}"
    if secure and parts.scheme != "https":
        return "in production an origin must be https://"
    return None
