"""Server-sent events, as model servers send them."""

from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_service.generation import event_stream
from jobs_service.generation.event_stream import events
from jobs_service.generation.problems import ProviderAnswerMalformed

STREAM = ": hi\r\n\r\ndata: 안녕\u2028\n\ndata:a\ndata: b\r\rid: 7\ndata:  c\n\nid: 8\n\n".encode()
READ = ["안녕\u2028", "a\nb", " c"]


async def read(chunks: Sequence[bytes]) -> list[str]:
    async def sent() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [one async for one in events(sent())]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
async def test_it_does_not_matter_where_chunks_are_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[start:end] for start, end in pairwise(edges)]
    assert await read(chunks) == READ


async def test_an_event_without_an_end_is_none() -> None:
    assert await read([b"data: a\n\ndata: b\n"]) == ["a"]
    assert await read([b"data: a\n\ndata: b"]) == ["a"]


async def test_a_line_without_an_end_is_not_gathered_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_stream, "MAX_LINE_BYTES", 10)
    with pytest.raises(ProviderAnswerMalformed):
        await read([b"data: 0123", b"456789"])
