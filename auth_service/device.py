"""Where a request comes from, as sessions, audit log and mails tell it."""

import msgspec
from starlette.requests import Request

_LONGEST_AGENT = 300
_LONGEST_LANGUAGES = 200


class Device(msgspec.Struct, frozen=True):
    """The client's address as the gateway saw it, its program, and the languages it prefers.

    `languages` is the Accept-Language header as it came (RFC 9110, 12.5.4).
    """

    address: str = ""
    user_agent: str = ""
    languages: str = ""


def device_of(request: Request) -> Device:
    """The device that sent `request` through the gateway."""
    headers = request.headers
    return Device(
        headers.get("x-forwarded-for", ""),
        _printable(headers.get("user-agent", ""))[:_LONGEST_AGENT],
        headers.get("accept-language", "")[:_LONGEST_LANGUAGES],
    )


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())
