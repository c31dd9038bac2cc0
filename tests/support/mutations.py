"""Bytes that are nearly right: valid messages, changed a little, and cut into pieces."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import strategies as st

_NASTY = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b";", b"#", b"%2e", b"\xff", b"\r\n\r\n",
    b"0\r\n\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Content-Length:",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n", b"Connection: close\r\n",
    b"Connection: keep-alive, host\r\n", b"Connection: upgrade\r\nUpgrade: x\r\n",
    b"Trailer: x\r\n", b"Expect: 100-continue\r\n", b"HTTP/1.1 ", b"HTTP/1.0 ", b"HTTP/2.0 ",
    b"ffffffffffffffff", b"-1", b"x" * 300,
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of `seeds`, in which up to four things are wrong."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from([0, 0, 1, 2, 5, 20])))
        new = draw(st.sampled_from(_NASTY) | st.binary(max_size=8) | st.just(data[start:end] * 2))
        data = data[:start] + new + data[end:]
    return data


def hostile(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Mutated seeds for the most part, and noise."""
    return mutated(seeds) | mutated(seeds) | mutated(seeds) | st.binary(max_size=300)


@st.composite
def pieces(draw: st.DrawFn, data: st.SearchStrategy[bytes]) -> list[bytes]:
    """`data`, cut at up to five places."""
    whole = draw(data)
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    ends = [0, *cuts, len(whole)]
    return [whole[a:b] for a, b in pairwise(ends) if a < b]
