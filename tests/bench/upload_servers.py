"""The servers of the uploads' benchmark that are written in Python, each a process of its own.

    python -m tests.bench.upload_servers content|gateway DATABASE_URL FOLDER
    python -m tests.bench.upload_servers starlette|copy FOLDER

Prints its port, then serves until it is told to end.
"""

import asyncio
import socket
import sys
from io import FileIO
from pathlib import Path
from uuid import uuid4

import httpx
import msgspec
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from content_service.service import build as build_content
from content_service.settings import ContentSettings
from gateway.service import build as build_gateway
from gateway.settings import GatewaySettings
from shared.http.in_process import InProcessTransport
from shared.messaging.in_process import InProcessBroker
from shared.observability.logging import configure
from shared.runtime.process import serve
from shared.runtime.service import Service
from shared.security.jwks import JWKS_PATH, Jwks, to_jwk
from shared.security.revocations import REVOCATIONS_PATH, RevocationList
from shared.settings import load
from tests.bench.servers import KEY, ORIGIN

SECRET = "s" * 32


async def _auth(scope: Scope, receive: Receive, send: Send) -> None:
    """As much of auth as verifiers ask at their start."""
    known = {
        JWKS_PATH: Jwks((to_jwk(KEY.verification),)),
        REVOCATIONS_PATH: RevocationList(()),
    }
    answer = Response(msgspec.json.encode(known[scope["path"]]), media_type="application/json")
    await answer(scope, receive, send)


def _content(database_url: str, folder: str) -> Service:
    """The content service as its process composes it."""
    settings = load(
        ContentSettings,
        secret_key=SECRET,
        database_url=database_url,
        amqp_url="in-process:",
        storage_url=Path(folder).as_uri(),
    )
    auth = httpx.AsyncClient(transport=InProcessTransport(_auth), base_url="http://auth")
    return build_content(settings, InProcessBroker(), auth=auth)


def _gateway(content: Service) -> Service:
    """The gateway in front of it in the same process, as the embedded suite composes it."""
    settings = load(GatewaySettings, secret_key=SECRET, allowed_origins=(ORIGIN,))
    upstreams: dict[str, ASGIApp] = {"auth": _auth, "content": content.app, "jobs": _auth}
    return build_gateway(settings, InProcessBroker(), upstreams=upstreams)


async def _serve_ours(name: str, database_url: str, folder: str) -> None:
    content = _content(database_url, folder)
    services = [content] if name == "content" else [content, _gateway(content)]
    await serve(
        services,
        services[-1].app,
        host="127.0.0.1",
        port=0,
        drain_seconds=1,
        on_listening=lambda url: _tell(int(url.rpartition(":")[2])),
    )


def _new_file(folder: str) -> FileIO:
    return FileIO(Path(folder, str(uuid4())), "w")


def _starlette(folder: str) -> ASGIApp:
    """A form as Starlette's documentation has it, and its file copied to where it stays."""

    async def post(request: Request) -> Response:
        async with request.form() as form:
            file = form["file"]
            assert isinstance(file, UploadFile)
            with _new_file(folder) as kept:
                while block := await file.read(1024 * 1024):
                    await asyncio.to_thread(kept.write, block)
            return JSONResponse({"size": file.size}, 201)

    return Starlette(routes=[Route("/api/videos", post, methods=["POST"])])


def _copy(folder: str) -> ASGIApp:
    """The body as it comes into a file: nothing is parsed, hashed or synced."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        with _new_file(folder) as file:
            while more:
                message = await receive()
                file.write(message.get("body", b""))
                more = message.get("more_body", False)
        await JSONResponse({}, 201)(scope, receive, send)

    return app


async def _serve_by_uvicorn(app: ASGIApp) -> None:
    config = uvicorn.Config(
        app, http="httptools", lifespan="off", access_log=False, server_header=False,
        log_level="critical",
    )  # fmt: skip
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        _tell(bound.getsockname()[1])
        await uvicorn.Server(config).serve([bound])


def _tell(port: int) -> None:
    print(port, flush=True)


def main(name: str, *arguments: str) -> None:
    """Serve what `name` means until told to end."""
    configure("bench", "ERROR")
    match name:
        case "content" | "gateway":
            uvloop.run(_serve_ours(name, *arguments))
        case "starlette":
            uvloop.run(_serve_by_uvicorn(_starlette(*arguments)))
        case "copy":
            uvloop.run(_serve_by_uvicorn(_copy(*arguments)))


if __name__ == "__main__":
    main(*sys.argv[1:])
