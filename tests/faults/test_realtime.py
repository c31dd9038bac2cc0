"""Live events while what they come from fails: clients learn of everything all the same."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.front_end import FrontEnd, new_user
from tests.support.rabbitmq import RabbitMQ
from tests.support.sockets import JOB_ENDED, socket, until
from tests.support.suite import Suite


@pytest.fixture
async def customer(split_suite: Suite) -> AsyncIterator[FrontEnd]:
    """A new user of the split suite."""
    found = await new_user(split_suite)
    yield found
    await found.http.aclose()


async def test_after_the_broker_was_away_an_open_connection_gets_a_new_snapshot(
    split_suite: Suite, suite_rabbitmq: RabbitMQ, customer: FrontEnd
) -> None:
    video = await customer.upload()
    async with socket(split_suite.address, customer) as opened:
        (snapshot,) = await until(opened, "snapshot")
        assert snapshot["data"]["jobs"] == []
        suite_rabbitmq.kill()
        job = await customer.submit(video["id"])
        suite_rabbitmq.start()
        heard = await until(opened, "snapshot")
        known = {one["id"]: one for one in heard[-1]["data"]["jobs"]}
        assert job["id"] in known
        ended = known[job["id"]]["status"] == "succeeded"
        if not ended:
            heard = await until(opened, *JOB_ENDED)
            assert heard[-1]["data"]["job_id"] == job["id"]
    assert (await customer.finished(job["id"]))["status"] == "succeeded"


async def test_a_gateway_that_was_killed_is_found_again_and_gives_a_snapshot(
    split_suite: Suite, customer: FrontEnd
) -> None:
    video = await customer.upload()
    async with socket(split_suite.address, customer) as opened:
        await until(opened, "snapshot")
        job = await customer.submit(video["id"])
        heard = await until(opened, "jobs.job.queued")
        split_suite.processes["gateway"].kill()
    split_suite.processes["gateway"].start()
    await split_suite.wait_ready("gateway")
    await asyncio.sleep(0.1)
    async with socket(split_suite.address, customer, heard[-1]["id"]) as opened:
        (snapshot,) = await until(opened, "snapshot")
        assert [one["id"] for one in snapshot["data"]["jobs"]] == [job["id"]]
        if snapshot["data"]["jobs"][0]["status"] != "succeeded":
            assert (await until(opened, *JOB_ENDED))[-1]["type"] == "jobs.job.succeeded"
