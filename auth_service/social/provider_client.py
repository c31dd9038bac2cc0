"""Calls to providers: bounded in time and size, and never redirected."""

import asyncio
from typing import Any, TypeVar

import httpx
import msgspec

from auth_service.social.domain import ProviderAnswerRefused, ProviderUnavailable
from shared.errors import UNREADABLE
from shared.observability.logging import get_logger

log = get_logger(__name__)
T = TypeVar("T")

WHOLE_SECONDS = 10.0
"""For one call altogether; somebody is waiting in front of a browser."""
_STEP_SECONDS = 5.0
MAX_BYTES = 256 * 1024
_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "identity",  # a small answer must not become a large one here
    "user-agent": "Madang",  # GitHub refuses calls without
}


class _Refusal(msgspec.Struct, frozen=True):
    """How an OAuth server says no (RFC 6749, 5.2); GitHub does so with status 200."""

    error: str = ""


class ProviderClient:
    """The one HTTP client for all providers."""

    def __init__(self) -> None:
        self._http = httpx.AsyncClient(
            timeout=_STEP_SECONDS, follow_redirects=False, headers=_HEADERS
        )

    async def get(self, url: str, wanted: type[T], *, bearer: str | None = None) -> T:
        """The JSON at `url`; raises `ProviderUnavailable`, also when it is no such JSON."""
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        status, body = await self._send(self._http.build_request("GET", url, headers=headers))
        if status != 200:
            raise self._failed(url, f"status {status}")
        try:
            return msgspec.json.decode(body, type=wanted)
        except UNREADABLE as error:
            raise self._failed(url, f"no such answer was expected: {error}") from None

    async def exchange(
        self, url: str, fields: dict[str, str], wanted: type[T], auth: httpx.BasicAuth | None = None
    ) -> T:
        """What a token endpoint gives for a code.

        Raises `ProviderAnswerRefused` when it refuses the code, and `ProviderUnavailable`.
        """
        request = self._http.build_request("POST", url, data=fields)
        if auth is not None:
            request = next(auth.sync_auth_flow(request))
        status, body = await self._send(request)
        if status >= 500 or status in range(300, 400):
            raise self._failed(url, f"status {status}")
        try:
            if refused := msgspec.json.decode(body, type=_Refusal).error:
                log.warning("code_refused", url=url, status=status, error=refused[:100])
                raise ProviderAnswerRefused("The provider does not accept the code.")
            if status != 200:
                raise self._failed(url, f"status {status}")
            return msgspec.json.decode(body, type=wanted)
        except UNREADABLE as error:
            raise self._failed(url, f"status {status}, and no such answer: {error}") from None

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def _send(self, request: httpx.Request) -> tuple[int, bytes]:
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                return await self._answer(request)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise self._failed(str(request.url), repr(error)) from None

    async def _answer(self, request: httpx.Request) -> tuple[int, bytes]:
        response = await self._http.send(request, stream=True)
        try:
            found = bytearray()
            async for piece in response.aiter_raw():
                found += piece
                if len(found) > MAX_BYTES:
                    raise self._failed(str(request.url), f"more than {MAX_BYTES} bytes")
            return response.status_code, bytes(found)
        finally:
            await response.aclose()

    def _failed(self, url: str, reason: str) -> ProviderUnavailable:
        log.warning("provider_failed", url=url.partition("?")[0], reason=reason)
        return ProviderUnavailable()


def query_of(values: dict[str, Any]) -> str:
    """The query string of these; None is left out."""
    return str(httpx.QueryParams({name: one for name, one in values.items() if one is not None}))
