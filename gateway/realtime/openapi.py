"""The real-time part as OpenAPI: the stream whole, the WebSocket as far as there are words."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from gateway.realtime import sockets, streams
from gateway.realtime.admission import OriginRefused, TokenInUrl
from gateway.realtime.events import HEARD, JobNews, VideoNews
from gateway.realtime.hub import NoRoom, TooManyConnections
from gateway.realtime.listener import SCOPES
from gateway.realtime.messages import EventMessage, stream_event
from gateway.realtime.snapshots import SnapshotMessage
from gateway.realtime.sockets import UpgradeRequired
from shared.errors import Invalid, Malformed, Problem, TooMany, Unauthenticated, Unavailable
from shared.http.openapi import problem_answer
from shared.security.access import ScopeMissing, SessionRequired
from shared.security.api_keys import ApiKeyInvalid
from shared.security.tokens import TokenExpired, TokenInvalid
from shared.security.verifier import SessionRevoked

SCHEMAS = (JobNews, VideoNews)
"""The data of events, as components of the document."""

_PROBLEM = {"$ref": "#/components/schemas/ProblemBody"}
_JOB = UUID("0199c0de-79ff-7b20-9a4e-0c1d2e3f4a5b")
_VIDEO = UUID("0199c0de-1111-7aaa-8bbb-222233334444")
_USER = UUID("0199c0de-0001-7000-8000-000000000001")
_EVENT = UUID("0199c0de-8c00-7d3e-a2b1-6f5e4d3c2b1a")
_WHEN = datetime(2026, 1, 2, 3, 4, 7, tzinfo=UTC)

_TELLS = """\
What happens to the caller's jobs and videos, as it happens. It begins with a `snapshot` (the newest
jobs and videos, as their lists answer), or, after the id of an event that is still remembered, with
what followed that event. Each event is a JSON object of `id`, `type`, `time` and `data`; `x-events`
says what the data of each type is. An id may come twice: drop the second one."""

_STREAM = f"""\
{_TELLS}

A comment comes when nothing else has for 15 seconds. The last event says why the stream ends:
`expired` or `revoked` (get another token), `resume` (too slow) or `restart` (connect again, with
the id of the last event). For an API key, which needs the scopes {" and ".join(sorted(SCOPES))},
`expired` comes within five minutes: connect again, with the id of the last event."""

_SOCKET = f"""\
A WebSocket (status 101); a plain request is refused. {_TELLS}

The token is offered as the subprotocol `bearer.<token>` beside `madang`, which is chosen; or sent
as the first message, `{{"type": "auth", "token": "…", "last_event_id": "…"}}`, within 5 seconds; or
in the Authorization header; never in the URL. `ready` says until when it is good; a fresh one may
be sent as another `auth` message. `{{"type": "ping"}}` is answered with `{{"type": "pong"}}`.

Close codes: 4401 token missing, bad, expired or revoked; 4408 too slow, with `resume from <id>`;
4429 too many connections; 1008 too many messages; 1009 a message over 4 KB; 1012 restart;
1013 try later."""

_LAST_ID = {
    "description": "The id of the last event that was received.",
    "required": False,
    "schema": {"type": "string", "maxLength": 64},
}


def paths() -> dict[str, Any]:
    """Our paths."""
    return {
        streams.PATH: {
            "get": {
                "operationId": "gateway_events",
                "summary": "What happens to what is yours, as server-sent events",
                "description": _STREAM,
                "tags": ["real-time"],
                "security": [{"bearer": []}, {"apiKey": sorted(SCOPES)}],
                "parameters": [
                    {"name": "Last-Event-ID", "in": "header", **_LAST_ID},
                    {"name": "last_event_id", "in": "query", **_LAST_ID},
                ],
                "responses": {
                    "200": _stream_answer(),
                    **_errors(),
                    "403": problem_answer([ScopeMissing], _PROBLEM),
                },
                "x-events": _events(),
            }
        },
        sockets.PATH: {
            "get": {
                "operationId": "gateway_socket",
                "summary": "What happens to what is yours, over a WebSocket",
                "description": _SOCKET,
                "tags": ["real-time"],
                "responses": {
                    **_errors(),
                    "403": problem_answer([OriginRefused, SessionRequired], _PROBLEM),
                    "426": problem_answer([UpgradeRequired], _PROBLEM),
                },
                "x-events": _events(),
            }
        },
    }


def _errors() -> dict[str, Any]:
    refused: dict[str, list[type[Problem]]] = {
        "400": [Malformed, TokenInUrl],
        "401": [Unauthenticated, TokenInvalid, TokenExpired, SessionRevoked, ApiKeyInvalid],
        "422": [Invalid],
        "429": [TooMany, TooManyConnections],
        "503": [Unavailable, NoRoom],
    }
    return {status: problem_answer(errors, _PROBLEM) for status, errors in refused.items()}


def _events() -> dict[str, Any]:
    return {name: {"$ref": f"#/components/schemas/{news.__name__}"} for name, news in HEARD.items()}


def _stream_answer() -> dict[str, Any]:
    media = {"schema": {"type": "string"}, "example": _example()}
    return {"description": "Events, without an end", "content": {"text/event-stream": media}}


def _example() -> str:
    snapshot = SnapshotMessage(
        complete=True, data={"jobs": msgspec.Raw(b"[]"), "videos": msgspec.Raw(b"[]")}
    )
    news = JobNews(_JOB, _USER, "captions", 2, _VIDEO, progress=0.42)
    event = EventMessage(_EVENT, "jobs.job.progressed", _WHEN, news)
    events = (
        b"retry: 2000\n\n",
        stream_event("snapshot", msgspec.json.encode(snapshot)),
        stream_event(event.type, msgspec.json.encode(event), str(event.id)),
    )
    return b"".join(events).decode()
