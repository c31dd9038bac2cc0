"""Whatever a client sends, every answer is one that the document tells of.

Schemathesis makes requests from the stored document, right ones and wrong ones, and sends them
through the gateway of a running suite.
"""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.documented import FILE
from tests.support.front_end import PASSWORD, FrontEnd, new_user
from tests.support.stripe_server import StripeServer
from tests.support.suite import Suite

Case = schemathesis.Case[Any]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
document = schemathesis.openapi.from_path(str(FILE))
# a form of random bytes is never a form: uploads are tested by hand, in integration and system
OWNED = r"{|^/api/jobs$|^/api/credits/estimate$"
"""What names a video or a job, in the path or in the body."""
SLOW_TO_MISS = ["/api/jobs", "/api/credits/estimate"]
"""Wait a second for news of a video that nobody knows: asked only about one that exists."""
# a stream has no end: what it tells is tested in integration and system
fuzzed = document.exclude(method="POST", path="/api/videos").exclude(path="/api/events")
# Stripe's stand-in runs in this process, which waits for the answer
fuzzed = fuzzed.exclude(method="POST", path="/api/credits/purchases")
# it would leave nobody to ask anything
fuzzed = fuzzed.exclude(method="POST", path="/api/users/deletion")
INSTEAD = (("provider", "openai", "offline"), ("stream", True, False))
"""What is not asked for: a model server that nobody runs, which is a 502, and events of a text,
which are no JSON; both are tested in integration and system."""
bounded = settings(
    max_examples=25,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
async def owner(embedded_suite: Suite, suite_stripe: StripeServer) -> AsyncIterator[FrontEnd]:
    """A user with a video, a job that has succeeded, and the track that it has made."""
    user = await new_user(embedded_suite)
    yield user
    await user.http.aclose()


@pytest.fixture(scope="module")
async def belongings(owner: FrontEnd) -> dict[str, str]:
    """The ids of what the user has, as paths name them."""
    owner.http.headers["authorization"] = f"Bearer {await access_token(owner)}"
    video = await owner.upload()
    job = await owner.submit(video["id"])
    job = await owner.finished(job["id"])
    assert job["status"] == "succeeded"
    track = job["result"]["track_id"]
    return {"video_id": video["id"], "job_id": job["id"], "track_id": track}


@pytest.fixture
async def token(owner: FrontEnd) -> str:
    """An access token of a new session, which the test may end."""
    return await access_token(owner)


async def access_token(owner: FrontEnd) -> str:
    form = {"username": owner.name, "password": PASSWORD}
    session = await owner.call("POST", "/api/auth/login", data=form)
    return str(session["access_token"])


def send(case: Case, suite: Suite, token: str) -> None:
    if isinstance(case.body, dict):
        for name, value, other in INSTEAD:
            if case.body.get(name) == value:
                case.body[name] = other
    headers = {"authorization": f"Bearer {token}"}
    case.call_and_validate(base_url=suite.address, headers=headers, checks=CHECKS)


@fuzzed.exclude(method="POST", path=SLOW_TO_MISS).parametrize()
@bounded
def test_every_answer_is_documented(case: Case, embedded_suite: Suite, token: str) -> None:
    send(case, embedded_suite, token)


@fuzzed.include(path_regex=OWNED).exclude(method="DELETE").parametrize()
@bounded
def test_every_answer_about_what_exists_is_documented(
    case: Case, embedded_suite: Suite, token: str, belongings: dict[str, str]
) -> None:
    case.path_parameters = with_owned(case.path_parameters, belongings)
    if isinstance(case.body, dict):
        case.body = with_owned(case.body, belongings)
    send(case, embedded_suite, token)


def with_owned(values: dict[str, Any], belongings: dict[str, str]) -> dict[str, Any]:
    """The values, where each valid id is that of something the user has."""
    return {
        name: belongings[name] if name in belongings and is_id(value) else value
        for name, value in values.items()
    }


def is_id(value: object) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True
