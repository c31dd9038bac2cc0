"""uvicorn as a part of our process: it leaves signals, logs and the socket to us."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from shared.runtime.http_protocol import HttpProtocol
from shared.runtime.websocket_protocol import (
    MAX_MESSAGE_BYTES,
    PING_SECONDS,
    PONG_SECONDS,
    WebSocketProtocol,
)

_TICKS_A_SECOND = 10
"""How often uvicorn's main loop looks up."""


class HttpServer(uvicorn.Server):
    """Answers HTTP with `app`; when told to exit, requests under way have `drain_seconds`.

    `on_started` is called once it accepts connections; `unfinished` counts the requests cut off.
    """

    def __init__(self, app: ASGIApp, drain_seconds: float, on_started: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            http=HttpProtocol,
            ws=WebSocketProtocol,
            ws_max_size=MAX_MESSAGE_BYTES,
            ws_per_message_deflate=False,  # it would take more memory than all the rest
            ws_ping_interval=PING_SECONDS,
            ws_ping_timeout=PONG_SECONDS,
            lifespan="off",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            log_config=None,
            log_level="warning",
        )
        # Declared as int, and handed to asyncio as it is.
        config.timeout_graceful_shutdown = drain_seconds  # type: ignore[assignment]
        super().__init__(config)
        self._on_started = on_started
        self.unfinished = 0

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the process."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and tell."""
        await super().startup(sockets)
        self._on_started()

    async def on_tick(self, counter: int) -> bool:
        """Once a second, let every connection see how long it has lasted."""
        if counter % _TICKS_A_SECOND == 0:
            for connection in list(self.server_state.connections):
                if isinstance(connection, HttpProtocol):
                    connection.tick()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain; what is still under way when the time is up is cut off, and counted."""
        await super().shutdown(sockets)
        self.unfinished = len(self.server_state.tasks)  # cancelled, and not yet aware of it


def bind(host: str, port: int) -> socket.socket:
    """A socket that owns the address and does not listen yet; raises OSError when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from None
    return bound


def url_of(bound: socket.socket) -> str:
    """The address as a URL, with the port that the system chose for port 0."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
