"""The servers of the gateway's benchmark that are written in Python, each a process of its own.

    python -m tests.bench.servers NAME [UPSTREAM]

Prints its port, then serves until it is told to end.
"""

import asyncio
import socket
import sys
from typing import cast

import httpx
import msgspec
import uvicorn
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.service import build
from gateway.settings import GatewaySettings
from gateway.upstream.limits import Limits
from gateway.upstream.pool import Origin, Pool
from gateway.upstream.proxy import Proxy
from shared.clock import SystemClock
from shared.messaging.in_process import InProcessBroker
from shared.observability.logging import configure
from shared.runtime.process import serve
from shared.runtime.service import Service
from shared.security.jwks import JWKS_PATH, Jwks, to_jwk
from shared.security.keys import SigningKey
from shared.security.revocations import REVOCATIONS_PATH, RevocationList
from shared.settings import load
from tests.bench.load import BODY, CONNECTIONS

ORIGIN = "https://app.example"
KEY = SigningKey.of(Ed25519PrivateKey.from_private_bytes(b"a key that only benchmarks know "))
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


class _Upstream(asyncio.Protocol):
    """Answers 1 KB to everything, and what the gateway asks auth at its start."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        path = data.split(b" ", 2)[1].decode()
        answer = _AUTH.get(path, _ANSWER)
        self._transport.write(answer * data.count(b"\r\n\r\n"))


def _response(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


_ANSWER = _response(BODY)
_AUTH = {
    JWKS_PATH: _response(msgspec.json.encode(Jwks((to_jwk(KEY.verification),)))),
    REVOCATIONS_PATH: _response(msgspec.json.encode(RevocationList(()))),
}


async def _serve_upstream() -> None:
    server = await asyncio.get_running_loop().create_server(_Upstream, "127.0.0.1", 0)
    _tell(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def _hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": BODY})


def _naive(url: str) -> ASGIApp:
    client = httpx.AsyncClient(base_url=url, limits=httpx.Limits(max_connections=CONNECTIONS))

    async def forward(request: Request) -> StreamingResponse:
        asked = client.build_request(
            request.method,
            request.url.path,
            params=request.query_params,
            headers=request.headers.raw,
            content=request.stream(),
        )
        answer = await client.send(asked, stream=True)
        return StreamingResponse(answer.aiter_raw(), answer.status_code, dict(answer.headers))

    return Starlette(routes=[Route("/{path:path}", forward)])


def _bare_proxy(url: str) -> ASGIApp:
    return Proxy(Pool("upstream", Origin.of(url), Limits(), SystemClock()))


async def _serve_by_uvicorn(app: ASGIApp) -> None:
    config = uvicorn.Config(
        app, http="httptools", lifespan="off", access_log=False, server_header=False,
        proxy_headers=False, log_level="critical",
    )  # fmt: skip
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen(CONNECTIONS * 2)
        _tell(bound.getsockname()[1])
        await uvicorn.Server(config).serve([bound])


async def _serve_by_ours(service: Service) -> None:
    """As our processes serve."""
    await serve(
        [service],
        service.app,
        host="127.0.0.1",
        port=0,
        drain_seconds=1,
        on_listening=lambda url: _tell(int(url.rpartition(":")[2])),
    )


def _gateway(url: str) -> Service:
    """The gateway as `python -m gateway` composes it, but for the broker."""
    settings = load(
        GatewaySettings,
        secret_key="s" * 32,
        allowed_origins=(ORIGIN,),
        auth_url=url,
        content_url=url,
        jobs_url=url,
        rate_limit_rest_per_minute=1_000_000,  # counted, and never reached
    )
    return build(settings, InProcessBroker())


def _tell(port: int) -> None:
    print(port, flush=True)


def main(name: str, url: str = "") -> None:
    """Serve what `name` means until told to end."""
    configure("bench", "INFO")
    match name:
        case "upstream":
            uvloop.run(_serve_upstream())
        case "uvicorn":
            uvloop.run(_serve_by_uvicorn(_hello))
        case "bare":
            uvloop.run(_serve_by_uvicorn(_bare_proxy(url)))
        case "naive":
            uvloop.run(_serve_by_uvicorn(_naive(url)))
        case "server":
            uvloop.run(_serve_by_ours(Service("hello", _hello)))
        case "gateway":
            uvloop.run(_serve_by_ours(_gateway(url)))


if __name__ == "__main__":
    main(*sys.argv[1:])
