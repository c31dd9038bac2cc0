"""How much a client may send."""

from starlette.types import Message, Receive

from gateway.headers import Fields
from shared.errors import Malformed, TooLarge


def limited(receive: Receive, fields: Fields, max_body: int) -> Receive:
    """`receive`, guarded against a body of more than `max_body` bytes.

    Raises `TooLarge` at once when the length is announced. A body of unknown length is counted
    on its way, and the error comes out of the call that exceeds the limit.
    """
    length = fields.get(b"content-length")
    if length is not None:
        if not length.isdigit():
            raise Malformed("The Content-Length is no number.")
        if int(length) > max_body:
            raise _too_large(max_body)
        return receive
    if b"transfer-encoding" in fields:
        return _counted(receive, max_body)
    return receive


def _counted(receive: Receive, max_body: int) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > max_body:
            raise _too_large(max_body)
        return message

    return counted


def _too_large(max_body: int) -> TooLarge:
    return TooLarge(f"The body may have {max_body} bytes at most.")
