"""Reading server-sent events (the HTML standard, 9.2.6), as far as model servers use them."""

from collections.abc import AsyncGenerator, AsyncIterator

from jobs_service.generation.problems import ProviderAnswerMalformed

MAX_LINE_BYTES = 1024 * 1024


async def events(chunks: AsyncIterator[bytes]) -> AsyncGenerator[str, None]:
    """The data of each event, whatever the chunks are cut at; what has no data, or no end, is none.

    Raises ProviderAnswerMalformed.
    """
    data: list[str] = []
    async for line in _lines(chunks):
        if not line:
            if data:
                yield "\n".join(data)
            data = []
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Lines without their ends. A carriage return at the end of a chunk may be half of one."""
    rest = b""
    async for chunk in chunks:
        rest += chunk
        whole = rest if not rest.endswith(b"\r") else rest[:-1]
        lines = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        rest = lines.pop() + rest[len(whole) :]
        if len(rest) > MAX_LINE_BYTES:
            raise ProviderAnswerMalformed("A line of its answer is too long.")
        for line in lines:
            yield _decoded(line)


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise ProviderAnswerMalformed("Its answer is not UTF-8.") from None
