"""The parser of upstreams' answers, without a socket: however an answer is cut into pieces, and
whatever is wrong with it."""

import asyncio
from dataclasses import dataclass

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.upstream.connection import Connection
from gateway.upstream.limits import Limits
from tests.support.mutations import hostile, pieces

ANSWERS = [
    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-note: a\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello",
    b"HTTP/1.0 200 OK\r\nserver: x\r\n\r\nhello",
    b"HTTP/1.1 103 Early\r\nlink: </a>\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\netag: x\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\nconnection: x-a, close\r\nx-a: 1\r\ncontent-length: 2\r\n\r\nno",
]


class Wire(asyncio.Transport):
    """A transport that leads nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def write(self, data: object) -> None:
        pass

    def abort(self) -> None:
        self.closed = True

    close = abort

    def is_closing(self) -> bool:
        return self.closed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an exchange came to."""

    failed: bool
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    reusable: bool


async def outcome(parts: list[bytes], *, is_head: bool = False) -> Outcome:
    """What a proxy makes of an answer in these pieces, after which the upstream closes."""
    wire = Wire()
    connection = Connection(Limits(), lambda _: None)
    connection.connection_made(wire)
    connection.begin(b"", bodiless=is_head)
    body = b""
    for part in parts:
        if not wire.closed:
            connection.get_buffer(-1)[: len(part)] = part
            connection.buffer_updated(len(part))
    body += connection.take()
    reusable = connection.is_done and connection.is_reusable
    connection.eof_received()
    connection.connection_lost(None)
    assert connection.is_done or connection.failure is not None, "it would wait for ever"
    if connection.failure is not None:
        return Outcome(failed=True, status=0, headers=[], body=b"", reusable=False)
    return Outcome(False, connection.status, connection.headers, body, reusable)


@given(pieces(st.sampled_from(ANSWERS)), st.booleans())
@settings(deadline=None, max_examples=300)
async def test_a_valid_answer_is_the_same_in_any_pieces(parts: list[bytes], is_head: bool) -> None:
    whole = await outcome([b"".join(parts)], is_head=is_head)
    assert await outcome(parts, is_head=is_head) == whole


@given(pieces(hostile(ANSWERS)), st.booleans())
@example([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n"], False)
@settings(deadline=None, max_examples=700)
async def test_any_answer_comes_to_an_end_and_to_the_same_in_any_pieces(
    parts: list[bytes], is_head: bool
) -> None:
    whole = await outcome([b"".join(parts)], is_head=is_head)
    cut = await outcome(parts, is_head=is_head)
    # What follows a whole answer may, in a piece of its own, come too late to be seen
    assert (cut.failed, cut.status, cut.headers, cut.body) == (
        (whole.failed, whole.status, whole.headers, whole.body)
    )
    if not whole.failed:
        assert 200 <= whole.status <= 599
        for name, value in whole.headers:
            assert not {10, 13, 0} & {*name, *value}
            assert name == name.lower()
