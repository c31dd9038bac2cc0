"""A tus client of the tests, which says exactly what it is told to."""

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from starlette.types import ASGIApp, Message

OFFSET_STREAM = "application/offset+octet-stream"
TUS = {"tus-resumable": "1.0.0"}


def metadata(**values: str) -> str:
    """Values as `Upload-Metadata` has them."""
    return ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in values.items())


async def create(client: httpx.AsyncClient, length: int | None, **headers: str) -> httpx.Response:
    """Begin an upload of so many bytes; None defers its length."""
    size = {"upload-defer-length": "1"} if length is None else {"upload-length": str(length)}
    return await client.post("/api/uploads", headers={**TUS, **size, **headers})


async def begun(client: httpx.AsyncClient, length: int | None, **headers: str) -> str:
    """The location of a new upload."""
    answer = await create(client, length, **headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def patch(
    client: httpx.AsyncClient, location: str, offset: int, content: bytes, **headers: str
) -> httpx.Response:
    """Send bytes."""
    fields = {"upload-offset": str(offset), "content-type": OFFSET_STREAM}
    return await client.patch(location, content=content, headers={**TUS, **fields, **headers})


async def offset_of(client: httpx.AsyncClient, location: str) -> int:
    """How far the upload is, as HEAD tells."""
    answer = await client.head(location, headers=TUS)
    assert answer.status_code == 200, answer.status_code
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A PATCH that is sent piece by piece, as a server hands it to the app."""

    app: ASGIApp
    user: UUID
    location: str
    offset: int

    async def send(self, messages: AsyncIterator[Message], **headers: str) -> list[Message]:
        """What the app answered."""
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return await anext(messages)

        await self.app(self._scope(headers), receive, send)
        return sent

    def _scope(self, headers: Mapping[str, str]) -> dict[str, Any]:
        fields = {
            **TUS,
            "authorization": f"Bearer {self.user}",
            "content-type": OFFSET_STREAM,
            "upload-offset": str(self.offset),
            "transfer-encoding": "chunked",
            **headers,
        }
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "PATCH",
            "path": self.location,
            "raw_path": self.location.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
        }


async def cut_after(pieces: Sequence[bytes]) -> AsyncIterator[Message]:
    """The messages of a client whose connection breaks."""
    for piece in pieces:
        yield {"type": "http.request", "body": piece, "more_body": True}
    yield {"type": "http.disconnect"}
