"""The headers of an answer are the same, whoever carries it."""

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from tests.integration.gateway.support import serving
from tests.support.gateway import ORIGIN, TOKEN, everywhere, gateway
from tests.unit.gateway.client import client_of, echo

BEARER = {"authorization": f"Bearer {TOKEN}", "x-request-id": "one"}
_OF_THE_SERVER = {"date"}


def comparable(answer: httpx.Response) -> tuple[int, list[tuple[str, str]]]:
    fields = [field for field in answer.headers.multi_items() if field[0] not in _OF_THE_SERVER]
    return answer.status_code, sorted(fields)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/videos", {**BEARER, "origin": ORIGIN}),
        ("/api/videos", {**BEARER, "origin": "https://other.example"}),
        ("/api/videos", {"x-request-id": "one"}),
        ("/nowhere", BEARER),
    ],
)
async def test_our_server_and_any_other_send_the_same_headers(
    path: str, headers: dict[str, str]
) -> None:
    """Ours is handed lines that were encoded once, another one the fields themselves."""
    door = gateway(everywhere(echo))
    async with client_of(door) as client:
        of_any = await client.get(path, headers={**headers, "host": "gate"})
    async with serving(door) as port, httpx.AsyncClient() as client:
        of_ours = await client.get(
            f"http://127.0.0.1:{port}{path}", headers={**headers, "host": "gate"}
        )
    theirs, ours = comparable(of_any), comparable(of_ours)
    unequal = {"content-length"}  # the bodies name what they were asked
    assert ours[0] == theirs[0]
    assert [one for one in ours[1] if one[0] not in unequal] == [
        one for one in theirs[1] if one[0] not in unequal
    ]


async def test_what_is_stored_says_nothing_in_our_name_either() -> None:
    async def posts(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {
            "cache-control": "public, max-age=60",
            "access-control-allow-origin": "https://other.example",
            "access-control-allow-credentials": "true",
            "server": "theirs",
            "x-powered-by": "theirs",
        }
        await PlainTextResponse("posts", headers=headers)(scope, receive, send)

    async with serving(gateway(everywhere(posts))) as port, httpx.AsyncClient() as client:
        for _ in range(2):
            answer = await client.get(f"http://127.0.0.1:{port}/api/posts")
    assert answer.headers["age"] == "0"  # it comes from the cache
    refused = {"access-control-allow-origin", "access-control-allow-credentials"}
    assert not {*refused, "server", "x-powered-by"} & set(answer.headers)
