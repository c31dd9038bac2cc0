"""What the gateway answers itself, as small ASGI apps."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.errors import MethodNotAllowed

Read = Callable[[Request], Awaitable[Response]]


def read_only(read: Read) -> ASGIApp:
    """An app that answers GET and HEAD with `read`; raises `MethodNotAllowed` for the rest."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            raise MethodNotAllowed(
                f"{scope['path']} does not answer {scope['method']}; it answers GET.",
                headers={"allow": "GET, HEAD"},
            )
        response = await read(Request(scope, receive))
        await response(scope, receive, send)

    return app
