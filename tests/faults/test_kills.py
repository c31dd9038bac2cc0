"""Processes killed, and a broker that is away, at the worst moments: nothing is lost or doubled."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.postgres.embedded import EmbeddedPostgres
from jobs_service.credits.repository import Credits
from shared.db.database import Database
from tests.support.front_end import FrontEnd, new_user, until
from tests.support.rabbitmq import RabbitMQ
from tests.support.sound import speech
from tests.support.suite import Suite


@pytest.fixture
async def ledger(suite_postgres: EmbeddedPostgres) -> AsyncIterator[Credits]:
    """The accounts of the split suite; they must be balanced after each test."""
    database = Database(suite_postgres.url("jobs"), schema="jobs", source="test", pool_size=2)
    yield Credits(database)
    assert await Credits(database).unbalanced() == []
    await database.close()


@pytest.fixture
async def customer(split_suite: Suite) -> AsyncIterator[FrontEnd]:
    """A new user of the split suite."""
    found = await new_user(split_suite)
    yield found
    await found.http.aclose()


async def charged(user: FrontEnd) -> list[str]:
    """The kinds of all movements on the user's account, oldest first."""
    history = await user.call("GET", "/api/credits/transactions")
    return [one["kind"] for one in reversed(history["items"])]


async def test_a_worker_killed_in_mid_job_is_replaced_and_the_job_charged_once(
    split_suite: Suite, customer: FrontEnd, ledger: Credits, tmp_path: Path
) -> None:
    video = await customer.upload(speech(tmp_path / "talk.wav", 50))
    job = await customer.submit(video["id"])
    await customer.job_when(job["id"], {"running"})
    await asyncio.sleep(0.5)
    split_suite.processes["worker"].kill()
    split_suite.processes["worker"].start()
    done = await customer.finished(job["id"])
    assert (done["status"], done["attempt"]) == ("succeeded", 2)
    assert await charged(customer) == ["grant", "hold", "capture"]


async def test_a_worker_told_to_stop_hands_its_job_to_the_next_at_once(
    split_suite: Suite, customer: FrontEnd, ledger: Credits, tmp_path: Path
) -> None:
    video = await customer.upload(speech(tmp_path / "talk.wav", 50))
    job = await customer.submit(video["id"])
    await customer.job_when(job["id"], {"running"})
    assert split_suite.processes["worker"].stop() == 0
    assert (await customer.job(job["id"]))["status"] == "queued"
    split_suite.processes["worker"].start()
    done = await customer.finished(job["id"])
    assert (done["status"], done["attempt"]) == ("succeeded", 1)
    assert await charged(customer) == ["grant", "hold", "capture"]


async def test_a_service_killed_between_commit_and_publish_still_tells_once(
    split_suite: Suite, suite_rabbitmq: RabbitMQ, ledger: Credits
) -> None:
    suite_rabbitmq.stop()  # nothing can be published, so the kill comes before it for certain
    user = FrontEnd(split_suite.client())
    account = {"email": user.email, "password": "Courtyard-42", "user_handle": user.name}
    await user.call("POST", "/api/auth/register", 201, json=account)
    split_suite.processes["auth"].kill()
    suite_rabbitmq.start()
    split_suite.processes["auth"].start()
    await split_suite.wait_ready()
    await user.log_in()
    await until(user.has_credits)
    await asyncio.sleep(1)  # a second delivery would have come by now
    assert await charged(user) == ["grant"]
    await user.http.aclose()


async def test_while_the_broker_is_away_every_write_succeeds_and_its_event_comes_later(
    split_suite: Suite, suite_rabbitmq: RabbitMQ, customer: FrontEnd, ledger: Credits
) -> None:
    video = await customer.upload()
    suite_rabbitmq.stop()
    newcomers = [FrontEnd(split_suite.client()) for _ in range(5)]
    for one in newcomers:
        account = {"email": one.email, "password": "Courtyard-42", "user_handle": one.name}
        await one.call("POST", "/api/auth/register", 201, json=account)
    job = await customer.submit(video["id"])
    # the worker finds the row by itself: it needs no message
    assert (await customer.finished(job["id"]))["status"] == "succeeded"
    suite_rabbitmq.start()
    await split_suite.wait_ready()
    for one in newcomers:
        await one.log_in()
        await until(one.has_credits)
        assert await charged(one) == ["grant"]
        await one.http.aclose()
