"""Submits jobs over plain sockets, each for a video that has none."""

import json
import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import cycle
from time import perf_counter
from urllib.parse import urlsplit
from uuid import UUID


class _Client:
    def __init__(self, address: str, token: str, videos: list[UUID]) -> None:
        at = urlsplit(address)
        assert at.hostname is not None
        self._socket = socket.create_connection((at.hostname, at.port or 80))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f"POST /api/jobs HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n"
        self._videos = videos
        self._answer = b""
        self.began = 0.0

    def fileno(self) -> int:
        return self._socket.fileno()

    def ask(self, began: float) -> None:
        self.began, self._answer = began, b""
        body = json.dumps({"type": "captions", "video_id": str(self._videos.pop())})
        head = f"{self._head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self._socket.sendall((head + body).encode())

    def has_answer(self) -> bool:
        self._answer += self._socket.recv(65536)
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found:
            return False
        if not head.startswith(b"HTTP/1.1 202"):
            raise SystemExit(self._answer.decode())
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        return len(body) >= length

    def close(self) -> None:
        self._socket.close()


class Load:
    """`users` are tokens and videos, which are used up."""

    def __init__(self, address: str, users: Sequence[tuple[str, list[UUID]]]) -> None:
        self._clients = [_Client(address, token, videos) for token, videos in users]

    def run(self, jobs: int, rate: float) -> list[float]:
        """Seconds of each of so many submissions, one of each user at a time; at `rate` a second,
        each reckoned from when it should have been sent, or as fast as they are answered."""
        latencies: list[float] = []
        free, busy, sent = deque(self._clients), set[_Client](), 0
        started = perf_counter()
        while len(latencies) < jobs:
            while free and sent < jobs:
                due = started + sent / rate if rate else perf_counter()
                if due > perf_counter():
                    break
                client = free.popleft()
                client.ask(due)
                busy.add(client)
                sent += 1
            wait = max(0.0, started + sent / rate - perf_counter()) if rate and free else 10
            for client in select.select(list(busy), [], [], wait)[0]:
                if client.has_answer():
                    latencies.append(perf_counter() - client.began)
                    busy.remove(client)
                    free.append(client)
        self._close()
        return latencies

    def run_apart(self, jobs: int, pause: float) -> list[float]:
        """The time of day of each of so many submissions, `pause` seconds from answer to next."""
        sent = []
        for client in self._in_turn(jobs):
            sent.append(time.time())
            client.ask(perf_counter())
            while not client.has_answer():
                pass
            time.sleep(pause)
        self._close()
        return sent

    def _in_turn(self, jobs: int) -> Iterator[_Client]:
        turns = cycle(self._clients)
        return (next(turns) for _ in range(jobs))

    def _close(self) -> None:
        for client in self._clients:
            client.close()
