"""Answers of any length made of lines of JSON, sent as they are made."""

from collections.abc import AsyncIterator

import msgspec
from starlette.responses import Response, StreamingResponse

MEDIA_TYPE = "application/x-ndjson"
_CHUNK_BYTES = 64 * 1024


async def lines_response(records: AsyncIterator[msgspec.Struct]) -> Response:
    """Send each record as a line of JSON.

    The first records are read before the answer begins, so that what is away is an error and not
    a broken answer.
    """
    chunks = _chunks(records)
    first = await anext(chunks, b"")
    return StreamingResponse(
        _joined(first, chunks), media_type=MEDIA_TYPE, headers={"cache-control": "no-store"}
    )


async def _chunks(records: AsyncIterator[msgspec.Struct]) -> AsyncIterator[bytes]:
    chunk = bytearray()
    async for record in records:
        chunk += msgspec.json.encode(record) + b"\n"
        if len(chunk) >= _CHUNK_BYTES:
            yield bytes(chunk)
            chunk.clear()
    if chunk:
        yield bytes(chunk)


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for chunk in rest:
        yield chunk
