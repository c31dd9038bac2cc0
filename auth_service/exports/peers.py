"""What other services know of a user, asked for over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import msgspec

from auth_service.exports.collecting import File, FileGone, Record, SourceAway
from shared.security.principal import UserId

_INTERNAL = "/internal/"
_CHUNK_BYTES = 1024 * 1024
_GONE = (404, 409, 410)
_decoder = msgspec.json.Decoder(Record)


@dataclass(frozen=True, slots=True)
class Peer:
    """The service `name`; `client` carries this service's token."""

    name: str
    client: httpx.AsyncClient

    async def records(self, user: UserId) -> AsyncIterator[Record]:
        """A line of JSON each; raises `SourceAway`."""
        path = f"/internal/people/{user}/data"
        try:
            async with self.client.stream("GET", path) as answer:
                answer.raise_for_status()
                async for line in answer.aiter_lines():
                    yield _decoder.decode(line)
        except (httpx.HTTPError, msgspec.MsgspecError) as error:
            raise self._away(error) from error

    async def content(self, file: File) -> AsyncIterator[bytes]:
        """A file as the service keeps it; raises `FileGone` and `SourceAway`."""
        if not file.path.startswith(_INTERNAL):
            raise ValueError(f"{self.name} names a file elsewhere: {file.path!r}")
        try:
            async with self.client.stream("GET", file.path) as answer:
                if answer.status_code in _GONE:
                    raise FileGone("It was removed, or is being examined.")
                answer.raise_for_status()
                async for chunk in answer.aiter_bytes(_CHUNK_BYTES):
                    yield chunk
        except httpx.HTTPError as error:
            raise self._away(error) from error

    def _away(self, error: Exception) -> SourceAway:
        return SourceAway(
            f"{self.name}_unavailable",
            f"The service {self.name} does not answer as it should: {error!r}",
        )
