"""The one `send` through which every answer leaves: headers are added here and nowhere else."""

from collections.abc import Awaitable

from starlette.types import Message, Send

from gateway.header_block import HeaderBlock, HeaderList
from shared.runtime.http_exchange import ENCODED_HEADERS
from shared.security.principal import Principal

SECURITY: HeaderList = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
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
        b"x-powered-by",
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

    __slots__ = (
        "_added",
        "_encodes",
        "_send",
        "_shared",
        "caller",
        "sent_bytes",
        "service",
        "status",
    )

    def __init__(self, send: Send, shared: HeaderBlock, request_id: str, *, encodes: bool) -> None:
        self._send = send
        self._shared = shared
        self._encodes = encodes  # whether the server takes lines that are encoded already
        self._added = [(b"x-request-id", request_id.encode())]
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
            message = self._start(message.get("headers", []))
        else:
            self.sent_bytes += len(message.get("body", b""))
        return self._send(message)

    def _start(self, given: HeaderList) -> Message:
        headers = [field for field in given if field[0] not in _OURS]
        shared = self._shared
        message = {"type": "http.response.start", "status": self.status, "headers": headers}
        if self._encodes and shared.replaceable.isdisjoint(dict(headers)):
            message[ENCODED_HEADERS] = shared.lines
        else:
            headers += shared.without(dict(headers))
        headers += self._added
        return message
