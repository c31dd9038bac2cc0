"""What the gateway is measured beside, and how it gets here.

Debian's packages are downloaded and unpacked under ~/.cache/madang-bench, not installed: that takes
no rights and starts no daemon. The npm packages are pinned by a lock file and go there, too.
"""

import os
import shutil
import socket
import subprocess
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.npm import CannotHave as CannotHave
from tests.support.npm import npm_project

CACHE = Path.home() / ".cache" / "madang-bench"
_PEERS = Path(__file__).parent / "peers"
_PACKAGES = {"nginx": ("nginx",), "wrk": ("wrk", "libluajit-5.1-2")}
"""By program: its package, and what that needs and a system without it may lack."""


def debian_program(name: str) -> list[str]:
    """The command that runs nginx or wrk: the installed one, or Debian's from our cache.

    Raises `CannotHave`.
    """
    if (installed := shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")) is not None:
        return [installed]
    if shutil.which("apt-get") is None:
        raise CannotHave(f"{name} is not installed, and there is no apt-get to fetch it with.")
    unpacked = CACHE / "debian"
    if not (found := _found(unpacked, name)):
        _unpack(_PACKAGES[name], unpacked)
        found = _found(unpacked, name)
    libraries = unpacked / "usr" / "lib" / str(sysconfig.get_config_var("MULTIARCH"))
    return ["env", f"LD_LIBRARY_PATH={libraries}", str(found[0])]


def _found(unpacked: Path, name: str) -> list[Path]:
    return [*unpacked.glob(f"usr/bin/{name}"), *unpacked.glob(f"usr/sbin/{name}")]


def _unpack(packages: Sequence[str], target: Path) -> None:
    downloads = CACHE / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    _run(["apt-get", "download", *packages], downloads)
    for package in packages:
        for archive in downloads.glob(f"{package}_*.deb"):
            _run(["dpkg-deb", "-x", str(archive), str(target)], downloads)


def nginx(folder: Path) -> Callable[[str], list[str]]:
    """nginx as a plain reverse proxy: one worker, connections kept alive on both sides."""
    program = debian_program("nginx")

    def command(upstream: str) -> list[str]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        config = folder / "nginx.conf"
        config.write_text(_nginx_config(folder, port, upstream))
        start = [*program, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(config)]
        return ["sh", "-c", 'echo "$0"; exec "$@"', str(port), *start]

    return command


def _nginx_config(folder: Path, port: int, upstream: str) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"  {kind}_temp_path {folder}/{kind};" for kind in kinds)
    return f"""
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 512; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
{temporary}
  upstream behind {{
    server {upstream.removeprefix("http://")};
    keepalive 64;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://behind;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }}
  }}
}}
"""


def fastify() -> Callable[[str], list[str]]:
    """A bare `@fastify/http-proxy`; raises `CannotHave`."""
    installed = npm_project(_PEERS / "fastify", CACHE)
    return lambda upstream: ["node", str(installed / "server.js"), upstream]


def ws() -> Callable[[int], list[str]]:
    """WebSockets by `ws`, which sends messages of so many bytes; raises `CannotHave`."""
    installed = npm_project(_PEERS / "ws", CACHE)
    return lambda size: ["node", str(installed / "server.js"), str(size)]


def express() -> Callable[[], list[str]]:
    """Logging in with Express and bcrypt; raises `CannotHave`."""
    installed = npm_project(_PEERS / "express", CACHE)
    return lambda: ["node", str(installed / "server.js")]


def express_pg() -> Callable[[str, str, str], list[str]]:
    """Reading one's own account with Express and pg; raises `CannotHave`."""
    installed = npm_project(_PEERS / "express-pg", CACHE)
    return lambda socket, password, pool: [
        "node", str(installed / "server.js"), socket, password, pool,
    ]  # fmt: skip


def uploads() -> Callable[[str, Path], list[str]]:
    """Taking in files with Express and multer, or with @tus/server; raises `CannotHave`."""
    installed = npm_project(_PEERS / "uploads", CACHE)
    return lambda kind, folder: ["node", str(installed / "server.js"), kind, str(folder)]


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        words = " ".join(done.stderr.split())[-200:]
        raise CannotHave(f"{' '.join(command)} failed: {words}")
