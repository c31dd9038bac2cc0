"""The one `send` through which every answer leaves: headers are added here and nowhere else."""

from collections.abc import Awaitable

from starlette.types import Message, Send

from gateway.headers import ENCODED_PART, NOT_REPEATED, HeaderBlock, HeaderList
from shared.runtime.http_exchange import ENCODED_HEADERS
from shared.security.principal import Principal

SECURITY: HeaderList = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-permitted-cross-domain-policies", b"none"),
]
"""From the list of the OWASP Secure Headers project, as far as it concerns an API. An answer that
states its own value keeps it."""

_NO_STORE = (b"cache-control", b"no-store")
"""For an answer that says nothing of caches."""

HTTPS_ONLY: HeaderList = [(b"strict-transport-security", b"max-age=31536000; includeSubDomains")]


class Answer:
    """The answer to one request on its way out, and what the access log tells about it.

    `encodes` says whether the server takes lines that have been encoded before.
    """

    __slots__ = (
        "_added",
        "_cors",
        "_defaults",
        "_encodes",
        "_send",
        "caller",
        "sent_bytes",
        "service",
        "status",
    )

    def __init__(
        self,
        send: Send,
        defaults: HeaderBlock,
        cors: HeaderBlock,
        request_id: str,
        *,
        encodes: bool,
    ) -> None:
        self._send = send
        self._defaults = defaults
        self._cors = cors
        self._encodes = encodes
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
            message = self._start(message)
        else:
            self.sent_bytes += len(message.get("body", b""))
        return self._send(message)

    def _start(self, message: Message) -> Message:
        encodes, defaults, lines = self._encodes, self._defaults, b""
        if encodes and ENCODED_PART in message:
            block, rest = message[ENCODED_PART]
            headers, stated, lines = [*rest], block.names, block.lines
        else:
            headers = [one for one in message.get("headers", []) if one[0] not in NOT_REPEATED]
            stated = dict(headers)
        if encodes and defaults.names.isdisjoint(stated):
            lines += defaults.lines
        else:
            headers += defaults.without(stated)
        if b"cache-control" not in stated:
            headers.append(_NO_STORE)
        if not encodes:
            headers += self._cors.fields
        headers += self._added
        start: Message = {
            "type": "http.response.start", "status": self.status, "headers": headers,
        }  # fmt: skip
        if encodes:
            start[ENCODED_HEADERS] = lines + self._cors.lines
        return start
