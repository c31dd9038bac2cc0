"""The one `send` through which every answer leaves: headers are added here and nowhere else."""

from collections.abc import Awaitable

from starlette.types import Message, Send

from gateway.cors import HeaderList
from shared.security.principal import Principal

SECURITY: HeaderList = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-permitted-cross-domain-policies", b"none"),
    (b"cache-control", b"no-store"),
]
"""From the list of the OWASP Secure Headers project, as far as it concerns an API. An answer that
states its own value keeps it."""

HTTPS_ONLY: HeaderList = [(b"strict-transport-security", b"max-age=31536000; includeSubDomains")]

_OURS = frozenset(
    {
        b"date",
        b"server",
        b"x-request-id",
        b"access-control-allow-origin",
        b"access-control-allow-credentials",
        b"access-control-allow-private-network",
        b"access-control-expose-headers",
    }
)
"""What an upstream may not say in our name; our own server sets the date."""


class Answer:
    """The answer to one request on its way out, and what the access log tells about it."""

    __slots__ = ("_added", "_defaults", "_send", "caller", "sent_bytes", "service", "status")

    def __init__(
        self, send: Send, defaults: dict[bytes, bytes], cors: HeaderList, request_id: str
    ) -> None:
        self._send = send
        self._defaults = defaults
        self._added = [*cors, (b"x-request-id", request_id.encode())]
        self.caller: Principal | None = None
        self.service = "gateway"
        self.status = 0
        self.sent_bytes = 0

    def add(self, headers: HeaderList) -> None:
        """Have these among the headers, whatever the answer will be."""
        self._added += headers

    @property
    def has_started(self) -> bool:
        """Whether it is too late for another status."""
        return self.status != 0

    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message on; the first one with all our headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = self._headers(message.get("headers", []))
            message = {"type": "http.response.start", "status": self.status, "headers": headers}
        else:
            self.sent_bytes += len(message.get("body", b""))
        return self._send(message)

    def _headers(self, given: HeaderList) -> HeaderList:
        headers = [field for field in given if field[0] not in _OURS]
        present = dict(headers)
        defaults = self._defaults
        if defaults.keys().isdisjoint(present):
            headers += defaults.items()
        else:
            headers += [field for field in defaults.items() if field[0] not in present]
        headers += self._added
        return headers
