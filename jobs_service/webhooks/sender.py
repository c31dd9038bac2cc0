"""Sends one request to a receiver on the internet, of whom nothing is trusted.

Where a name leads is looked up once, each address is judged, and the connection is made to exactly
one of those: a name that resolves to something else a moment later gains nothing. TLS and `Host`
keep the name. Whatever a redirect leads to is judged the same.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

import httpcore

from jobs_service.webhooks.addresses import is_public
from jobs_service.webhooks.domain import Outcome
from jobs_service.webhooks.urls import UrlRules
from shared.clock import Clock

SECONDS = 15.0
"""For everything, from the look-up to the answer's status."""
_CONNECT_SECONDS = 5.0
_ADDRESSES_TRIED = 3
_REDIRECTS = 3
_SAME_AGAIN = (307, 308)
"""Redirects that keep the method and the body (RFC 9110, 15.4.8 and 15.4.9)."""
_READ_BYTES, _READ_SECONDS = 1024, 1.0

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host; raises OSError."""


class NotSent(Exception):  # noqa: N818 - reads as what happened
    """There is no answer; the message says why, to the owner of the webhook."""


class Sender:
    """Posts to URLs that obey `rules`; `trust` vouches for receivers."""

    def __init__(
        self,
        rules: UrlRules,
        clock: Clock,
        trust: ssl.SSLContext,
        resolve: Resolve,
        seconds: float = SECONDS,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._seconds = seconds
        # a connection is used once: each is to an address that has just been judged
        self._connections = httpcore.AsyncConnectionPool(
            ssl_context=trust,
            max_connections=None,
            max_keepalive_connections=0,
            network_backend=_PinnedBackend(resolve, private=rules.private),
        )

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """What came of it; raises nothing that a receiver could cause."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._follow(url, headers, body)
        except NotSent as reason:
            return Outcome(error=str(reason))
        except (TimeoutError, httpcore.TimeoutException):
            return Outcome(error=f"there was no answer within {self._seconds:g} seconds")
        except httpcore.ConnectError as error:
            return Outcome(error=f"no connection could be made: {_reason(error)}")
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            return Outcome(error=f"the connection broke, or spoke no HTTP: {_reason(error)}")

    async def close(self) -> None:
        """Close every connection."""
        await self._connections.aclose()

    async def _follow(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        for _ in range(1 + _REDIRECTS):
            if fault := self._rules.fault_of(url):
                raise NotSent(f"the URL {fault}")
            outcome, location = await self._post(url, headers, body)
            if location is None:
                return outcome
            url = _joined(url, location)
        raise NotSent(f"there were more than {_REDIRECTS} redirects")

    async def _post(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Outcome, str | None]:
        """The outcome, and where the receiver wants it to be sent instead."""
        async with self._connections.stream(
            "POST", url, headers=list(headers.items()), content=body
        ) as answer:
            told = {name.lower(): value for name, value in answer.headers}
            await _read_a_little(answer)
        if answer.status in _SAME_AGAIN and b"location" in told:
            return Outcome(answer.status), told[b"location"].decode("latin-1")
        error = None
        if 300 <= answer.status < 400:
            error = "only redirects with 307 and 308 are followed; change the URL of the webhook"
        return Outcome(answer.status, error, self._asked_to_wait(told.get(b"retry-after"))), None

    def _asked_to_wait(self, retry_after: bytes | None) -> float | None:
        """The seconds of a Retry-After, which may also be a date (RFC 9110, 10.2.3)."""
        value = (retry_after or b"").decode("latin-1").strip()
        if value.isascii() and value.isdigit():
            return float(value[:9])
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - self._clock.now()).total_seconds())


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise NotSent("the redirect leads to no URL") from None


async def _read_a_little(answer: httpcore.Response) -> None:
    """So that a receiver with little to say can say it. The rest is cut off; the status counts."""
    size = 0
    with suppress(TimeoutError, httpcore.NetworkError, httpcore.ProtocolError):
        async with asyncio.timeout(_READ_SECONDS):
            async for piece in answer.aiter_stream():
                size += len(piece)
                if size >= _READ_BYTES:
                    return


def _reason(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__


class _PinnedBackend(httpcore.AsyncNetworkBackend):
    """Connects to addresses that it has judged; unless `private`, to public ones alone."""

    def __init__(self, resolve: Resolve, *, private: bool) -> None:
        self._resolve = resolve
        self._private = private
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address that takes one."""
        failed: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in (await self._judged(host, port))[:_ADDRESSES_TRIED]:
            try:
                return await self._network.connect_tcp(
                    address, port, _CONNECT_SECONDS, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed or NotSent("the host has no address")

    async def _judged(self, host: str, port: int) -> Sequence[str]:
        try:
            found = await self._resolve(host, port)
        except OSError as error:
            raise NotSent(f"the host was not found: {error.strerror or error}") from None
        except UnicodeError:
            raise NotSent("the host was not found: it is no name") from None
        if not self._private and not all(is_public(address) for address in found):
            raise NotSent("the host leads to an address that is not of the public internet")
        return found
