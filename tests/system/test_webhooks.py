"""Webhooks of users, over both topologies: a job ends, and a receiver hears of it."""

from typing import Any

from standardwebhooks import Webhook as Verifier

from tests.support.front_end import FrontEnd, until
from tests.support.receiver import receiving


async def test_the_end_of_a_job_reaches_its_owners_receiver(user: FrontEnd) -> None:
    async with receiving() as receiver:
        new = {"url": receiver.url, "events": ["jobs.job.started", "jobs.job.succeeded"]}
        made = await user.call("POST", "/api/webhooks", 201, json=new)
        video = await user.upload()
        job = await user.submit(video["id"])
        await user.finished(job["id"])
        verifier = Verifier(made["secret"])
        messages: list[dict[str, Any]] = []

        async def both_arrived() -> bool:
            messages[:] = [verifier.verify(one.body, one.headers) for one in receiver.received]
            return {one["type"] for one in messages} == set(new["events"])

        await until(both_arrived)
        path = f"/api/webhooks/{made['webhook']['id']}/deliveries"

        async def both_written() -> bool:
            listed = (await user.call("GET", path))["items"]
            return [one["state"] for one in listed] == ["delivered", "delivered"]

        await until(both_written)
        last = (await user.call("GET", path))["items"][0]
        await user.call("POST", f"{path}/{last['id']}/replay", 202)

        async def sent_again() -> bool:
            return len(receiver.received) == 3

        await until(sent_again)
        assert receiver.received[2].id == last["id"]
        assert receiver.received[2].message["type"] == last["event"]
    assert {one["data"]["id"] for one in messages} == {job["id"]}
    ended = next(one["data"] for one in messages if one["type"] == "jobs.job.succeeded")
    known = await user.job(job["id"])
    assert ended == {name: known[name] for name in ended}
