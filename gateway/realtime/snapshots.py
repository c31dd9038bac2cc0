"""The state that a client starts from, asked from the services in the name of its user."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import httpx
import msgspec

from gateway.clients import Clients
from gateway.realtime.events import JobNews
from gateway.realtime.messages import Message, stream_event, text_frame
from shared.errors import Problem
from shared.observability.context import request_id, traceparent
from shared.observability.logging import get_logger

log = get_logger(__name__)

SECONDS = 3.0
"""For the whole of a snapshot, waiting for its turn included."""
_AT_ONCE = 32
_ITEMS = 50

_PARTS = {"jobs": ("jobs", "/api/jobs"), "videos": ("content", "/api/videos")}
"""By name: the service that is asked, and the list of which the newest items are taken."""


class SnapshotMessage(msgspec.Struct, frozen=True, omit_defaults=True, tag="snapshot"):
    """The newest jobs and videos of the user, as their lists answer; `complete` is false when a
    service could not be asked, and its part is then missing. `id` is that of the latest event."""

    complete: bool
    data: Mapping[str, msgspec.Raw]
    id: str = ""


class _Revised(msgspec.Struct):
    id: UUID
    revision: int = 0


class _Items(msgspec.Struct):
    items: msgspec.Raw


class _RevisedItems(msgspec.Struct):
    items: list[_Revised]


@dataclass(slots=True)
class _Answers:
    """The lists by name, and the revisions of what is in them."""

    parts: dict[str, msgspec.Raw] = field(default_factory=dict)
    revisions: dict[UUID, int] = field(default_factory=dict)

    def add(self, name: str, content: bytes) -> None:
        revised = msgspec.json.decode(content, type=_RevisedItems).items
        self.parts[name] = msgspec.json.decode(content, type=_Items).items
        self.revisions.update({one.id: one.revision for one in revised})


class Snapshot:
    """A state, and the revisions of the jobs in it."""

    def __init__(self, answers: _Answers, last_id: str) -> None:
        self._id = last_id
        self._revisions = answers.revisions
        complete = len(answers.parts) == len(_PARTS)
        self._body = msgspec.json.encode(SnapshotMessage(complete, answers.parts, last_id))

    def tells(self, message: Message) -> bool:
        """Whether what the event tells of a job is part of this state, or older."""
        if not isinstance(message.news, JobNews):
            return False
        known = self._revisions.get(message.news.job_id, 0)
        revision = message.news.revision
        if message.type == "jobs.job.progressed":  # of the revision of the job's start
            return revision < known
        return revision <= known

    def as_frame(self) -> bytes:
        """For a WebSocket."""
        return text_frame(self._body)

    def as_stream_event(self) -> bytes:
        """For SSE."""
        return stream_event("snapshot", self._body, self._id)


class Snapshots:
    """Asks for snapshots, a bounded number at a time."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def of(self, token: str, last_id: str) -> Snapshot:
        """What the owner of `token` has; `last_id` is the latest event that it is sure to hold."""
        answers = _Answers()
        try:
            async with asyncio.timeout(SECONDS), self._turns, asyncio.TaskGroup() as group:
                for name, (service, path) in _PARTS.items():
                    group.create_task(self._ask(answers, name, self._clients[service], path, token))
        except TimeoutError:
            log.warning("snapshot_incomplete", reason=f"no answer within {SECONDS:g} s")
        return Snapshot(answers, last_id)

    async def _ask(
        self,
        answers: _Answers,
        name: str,
        client: httpx.AsyncClient,
        path: str,
        token: str,
    ) -> None:
        headers = {
            "authorization": f"Bearer {token}",
            "x-request-id": request_id.get(),
            "traceparent": traceparent.get(),
        }
        try:
            answer = await client.get(path, params={"limit": _ITEMS}, headers=headers)
            answer.raise_for_status()
            answers.add(name, answer.content)
        except (httpx.HTTPError, msgspec.MsgspecError, Problem) as error:
            log.warning("snapshot_incomplete", part=name, reason=type(error).__name__)
