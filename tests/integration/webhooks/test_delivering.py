"""What becomes of a job reaches the webhooks of its owner, whoever is slow, away or killed."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import text
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from jobs_service.guests.use_cases import AdoptGuest
from jobs_service.jobs.use_cases import CancelJob
from jobs_service.webhooks.deliverer import LEASE
from jobs_service.webhooks.domain import (
    ATTEMPTS,
    EVENTS,
    PATIENCE,
    SCHEDULE,
    DeliveryState,
    DisabledReason,
    Outcome,
)
from jobs_service.webhooks.queue import PER_WEBHOOK
from jobs_service.webhooks.repository import Webhooks
from jobs_service.webhooks.schemas import JobData, Message, WebhookChanges
from jobs_service.webhooks.sender import Sender
from jobs_service.webhooks.signing import shown
from jobs_service.webhooks.use_cases import (
    ChangeWebhook,
    PruneDeliveries,
    RemoveWebhook,
    ReplayDelivery,
    RotateSecret,
)
from jobs_service.work.use_cases import FailJob
from shared.security.box import Box
from shared.security.principal import UserId
from tests.integration.webhooks.conftest import HERE, World
from tests.support.jobs import finish
from tests.support.messaging import eventually, running
from tests.support.receiver import Receiver, receiving, says, waits
from tests.support.tracks import TRACK

JITTERED = 1.2


async def test_a_job_that_starts_and_succeeds_is_told_of_and_an_independent_library_verifies_it(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    _, secret = await world.webhook(mina, receiver, *EVENTS)
    job = await world.finished(mina)
    assert await world.deliverer().deliver() == 2
    messages = {}
    for received in receiver.received:
        verified = Verifier(secret).verify(received.body, received.headers)
        messages[verified["type"]] = msgspec.convert(verified["data"], JobData)
    started, ended = messages["jobs.job.started"], messages["jobs.job.succeeded"]
    assert (started.id, started.status, started.attempt) == (job.id, "running", 1)
    assert (ended.id, ended.status, ended.spent) == (job.id, "succeeded", job.price)
    assert ended.revision == job.revision > started.revision
    assert (ended.created_at, ended.finished_at) == (job.created_at, job.finished_at)
    assert "request" not in str(messages)
    assert receiver.received[0].headers["content-type"] == "application/json"


async def test_a_failed_job_says_why_in_a_small_message(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    await world.webhook(mina, receiver)
    await FailJob(world.database)(await world.running(mina), "too_bad", "\x01" * 100_000)
    await world.deliverer().deliver()
    (received,) = receiver.received
    assert received.message["type"] == "jobs.job.failed"
    assert received.message["data"]["error"]["code"] == "too_bad"
    assert len(received.body) < 20_000
    assert msgspec.json.decode(received.body, type=Message).timestamp.tzinfo is not None


async def test_a_cancelled_job_is_told_of(world: World, mina: UserId, receiver: Receiver) -> None:
    await world.webhook(mina, receiver)
    await CancelJob(world.database)(mina, (await world.running(mina)).id)
    await world.deliverer().deliver()
    assert [one.message["type"] for one in receiver.received] == ["jobs.job.cancelled"]


async def test_nobody_is_told_what_they_did_not_ask_for_or_of_the_jobs_of_others(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    jun = await world.setting.user()
    await world.webhook(jun, receiver)
    await world.webhook(mina, receiver, "jobs.job.failed")
    disabled, _ = await world.webhook(mina, receiver)
    await ChangeWebhook(world.database, HERE)(mina, disabled.id, WebhookChanges(enabled=False))
    await world.finished(mina)
    assert await world.told() == 0


async def test_what_is_rolled_back_is_not_told(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    await world.webhook(mina, receiver)
    job = await world.running(mina)

    async def fail_and_think_better_of_it() -> None:
        failed = text("UPDATE jobs SET status = 'failed' WHERE id = :job")
        async with world.database.transaction() as tx:
            assert await tx.run(failed, {"job": job.id}) == 1
            raise KeyError

    with pytest.raises(KeyError):
        await fail_and_think_better_of_it()
    assert await world.told() == 0


async def test_a_failure_is_tried_again_later_with_the_same_id_and_body(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, _ = await world.webhook(mina, receiver)
    await world.finished(mina)
    receiver.answers = [says(500), says(500)]
    deliverer = world.deliverer()
    for wait in (0.0, SCHEDULE[0].total_seconds(), SCHEDULE[1].total_seconds()):
        if wait:
            world.clock.advance(wait - 0.1)
            assert await deliverer.deliver() == 0
        world.clock.advance(wait * (JITTERED - 1) + 0.1)
        assert await deliverer.deliver() == 1
    assert len({(one.id, one.body) for one in receiver.received}) == 1
    assert len({one.headers["webhook-timestamp"] for one in receiver.received}) == 3
    delivery = await world.delivery(webhook)
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 3)
    assert (await world.now(webhook)).failing_since is None


async def test_after_ten_attempts_it_is_given_up_and_a_replay_begins_anew(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, _ = await world.webhook(mina, receiver)
    await world.finished(mina)
    receiver.answers = [says(500) for _ in range(11)]
    deliverer = world.deliverer()
    for wait in (timedelta(), *SCHEDULE):
        world.clock.advance(wait.total_seconds() * JITTERED + 1)
        assert await deliverer.deliver() == 1
    world.clock.advance(10 * 24 * 3600)
    assert await deliverer.deliver() == 0
    delivery = await world.delivery(webhook)
    assert (delivery.state, delivery.attempts) == (DeliveryState.FAILED, 10)
    assert delivery.status_code == 500

    replay = ReplayDelivery(world.database, world.clock, lambda: None)
    await replay(mina, webhook.id, delivery.id)
    assert await deliverer.deliver() == 1
    again = await world.delivery(webhook)
    assert (again.state, again.attempts) == (DeliveryState.PENDING, 11)
    assert {one.id for one in receiver.received} == {str(delivery.id)}


async def test_what_was_delivered_can_be_sent_again_with_the_same_id(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, secret = await world.webhook(mina, receiver)
    await world.finished(mina)
    await world.deliverer().deliver()
    delivery = await world.delivery(webhook)
    await ReplayDelivery(world.database, world.clock, lambda: None)(mina, webhook.id, delivery.id)
    await world.deliverer().deliver()
    first, second = receiver.received
    assert first.id == second.id
    Verifier(secret).verify(second.body, second.headers)


async def test_a_receiver_that_is_busy_is_asked_again_when_it_says(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, _ = await world.webhook(mina, receiver)
    await world.finished(mina)
    receiver.answers = [says(503, retry_after="600")]
    await world.deliverer().deliver()
    delivery = await world.delivery(webhook)
    assert delivery.due_at - world.clock.now() == timedelta(seconds=600)


async def test_who_says_gone_is_told_nothing_any_more(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, _ = await world.webhook(mina, receiver)
    await world.finished(mina)
    receiver.answers = [says(410)]
    await world.deliverer().deliver()
    now = await world.now(webhook)
    assert (now.enabled, now.disabled_reason) == (False, DisabledReason.GONE)
    assert (await world.delivery(webhook)).state is DeliveryState.FAILED
    await world.finished(mina)
    assert await world.told() == 1


async def test_a_webhook_that_fails_for_five_days_is_disabled_and_can_be_enabled_again(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, _ = await world.webhook(mina, receiver)
    receiver.answers = [says(500) for _ in range(3)]
    began = world.clock.now()
    await world.finished(mina)
    await world.deliverer().deliver()
    world.clock.advance(PATIENCE.total_seconds() - 60)
    await world.deliverer().deliver()
    now = await world.now(webhook)
    assert (now.enabled, now.failing_since) == (True, began)
    await world.finished(mina)
    world.clock.advance(120)
    await world.deliverer().deliver()
    now = await world.now(webhook)
    assert (now.enabled, now.disabled_reason) == (False, DisabledReason.FAILING)

    change = ChangeWebhook(world.database, HERE)
    now = await change(mina, webhook.id, WebhookChanges(enabled=True))
    assert (now.enabled, now.disabled_reason, now.failing_since) == (True, None, None)
    await world.finished(mina)
    await world.deliverer().deliver()
    assert (await world.now(webhook)).enabled


async def test_one_success_forgets_the_failures_before(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, _ = await world.webhook(mina, receiver)
    receiver.answers = [says(500)]
    await world.finished(mina)
    await world.deliverer().deliver()
    assert (await world.now(webhook)).failing_since == world.clock.now()
    world.clock.advance(60)
    await world.deliverer().deliver()
    assert (await world.now(webhook)).failing_since is None


async def test_what_comes_due_while_a_webhook_is_disabled_is_not_sent(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, _ = await world.webhook(mina, receiver)
    await world.finished(mina)
    await ChangeWebhook(world.database, HERE)(mina, webhook.id, WebhookChanges(enabled=False))
    await world.deliverer().deliver()
    delivery = await world.delivery(webhook)
    assert (delivery.state, delivery.error) == (DeliveryState.FAILED, "the webhook was disabled")
    assert receiver.received == []


async def test_after_a_rotation_both_secrets_sign_for_a_day(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, old = await world.webhook(mina, receiver)
    _, secret = await RotateSecret(world.database, world.box, world.clock)(mina, webhook.id, None)
    new = shown(secret)
    await world.finished(mina)
    await world.deliverer().deliver()
    (received,) = receiver.received
    for key in (old, new):
        Verifier(key).verify(received.body, received.headers)
    assert received.headers["webhook-signature"].count("v1,") == 2

    world.clock.advance(24 * 3600)
    await world.finished(mina)
    await world.deliverer().deliver()
    _, later = receiver.received
    assert later.headers["webhook-signature"].count("v1,") == 1


async def test_what_was_recorded_cannot_be_used_after_five_minutes(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    """The time is signed, too: receivers refuse what is older, as the libraries do."""
    _, secret = await world.webhook(mina, receiver)
    await world.finished(mina)
    await world.deliverer().deliver()
    (received,) = receiver.received
    old = str(int(received.headers["webhook-timestamp"]) - 600)
    with pytest.raises(WebhookVerificationError, match="too old"):
        Verifier(secret).verify(received.body, received.headers | {"webhook-timestamp": old})
    younger = str(int(received.headers["webhook-timestamp"]) - 1)
    with pytest.raises(WebhookVerificationError, match="No matching"):
        Verifier(secret).verify(received.body, received.headers | {"webhook-timestamp": younger})


async def test_a_secret_that_cannot_be_opened_fails_the_attempt_and_says_so(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, _ = await world.webhook(mina, receiver)
    await world.finished(mina)
    world.box = Box("another secret that is long enough", "webhook-secrets")
    await world.deliverer().deliver()
    delivery = await world.delivery(webhook)
    assert delivery.state is DeliveryState.PENDING
    assert "another SECRET_KEY" in str(delivery.error)
    assert receiver.received == []


class Dies(Sender):
    """Sends, and is killed before it can write what came of it."""

    async def __call__(self, *args: object) -> Outcome:
        await super().__call__(*args)  # type: ignore[arg-type]
        raise asyncio.CancelledError


async def test_a_deliverer_that_dies_between_sending_and_writing_is_followed_by_another(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, _ = await world.webhook(mina, receiver)
    await world.finished(mina)
    world.sender.__class__ = Dies
    await world.deliverer().deliver()
    world.sender.__class__ = Sender
    assert (await world.delivery(webhook)).state is DeliveryState.PENDING
    assert await world.deliverer().deliver() == 0  # the lease of the dead one
    world.clock.advance(LEASE.total_seconds() + 1)
    assert await world.deliverer().deliver() == 1
    first, second = receiver.received
    assert first.id == second.id
    delivery = await world.delivery(webhook)
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 2)


async def test_what_kills_its_deliverer_every_time_is_given_up(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, _ = await world.webhook(mina, receiver)
    await world.finished(mina)
    world.sender.__class__ = Dies
    for _ in range(ATTEMPTS):
        assert await world.deliverer().deliver() == 1
        world.clock.advance(LEASE.total_seconds() + 1)
    assert await world.deliverer().deliver() == 1
    delivery = await world.delivery(webhook)
    assert (delivery.state, len(receiver.received)) == (DeliveryState.FAILED, ATTEMPTS)
    assert "was cut off" in str(delivery.error)
    assert await world.deliverer().deliver() == 0


async def test_who_comes_back_after_its_lease_changes_nothing(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, _ = await world.webhook(mina, receiver)
    await world.finished(mina)
    late = asyncio.Event()

    async def fails_late(writer: asyncio.StreamWriter) -> None:
        await late.wait()
        await says(500)(writer)

    receiver.answers = [fails_late]
    slow = asyncio.ensure_future(world.deliverer().deliver())
    await eventually(lambda: len(receiver.received) == 1)
    world.clock.advance(LEASE.total_seconds() + 1)
    assert await world.deliverer().deliver() == 1
    late.set()
    await slow
    delivery = await world.delivery(webhook)
    assert (delivery.state, delivery.status_code) == (DeliveryState.DELIVERED, 204)


async def test_two_replicas_deliver_each_event_once(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    await world.webhook(mina, receiver, *EVENTS)
    for _ in range(10):
        await world.finished(mina)
    replicas = [world.deliverer() for _ in range(2)]
    while sum(await asyncio.gather(*(one.deliver() for one in replicas))):
        pass
    assert len(receiver.received) == 20
    assert len({one.id for one in receiver.received}) == 20


async def test_a_slow_receiver_holds_up_no_other_and_has_few_at_a_time(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    async with receiving() as slow:
        await world.webhook(mina, slow)
        for _ in range(2 * PER_WEBHOOK):
            await world.finished(mina)
        await world.webhook(mina, receiver)
        for _ in range(2 * PER_WEBHOOK):
            await world.finished(mina)
        enough = asyncio.Event()
        slow.answers = [waits(enough) for _ in range(100)]
        async with running(world.deliverer()):
            await eventually(lambda: len(receiver.received) == 2 * PER_WEBHOOK)
            assert len(slow.received) == PER_WEBHOOK
            enough.set()
            await eventually(lambda: len(slow.received) == 4 * PER_WEBHOOK)
        assert slow.at_once == PER_WEBHOOK


async def test_who_is_told_to_stop_finishes_what_is_being_sent(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, _ = await world.webhook(mina, receiver)
    await world.finished(mina)
    enough = asyncio.Event()
    receiver.answers = [waits(enough)]
    ready = asyncio.Event()
    working = asyncio.ensure_future(world.deliverer().run(ready.set))
    await eventually(lambda: len(receiver.received) == 1)
    working.cancel()
    await asyncio.sleep(0.05)
    assert not working.done()
    enough.set()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert (await world.delivery(webhook)).state is DeliveryState.DELIVERED


async def test_one_delivery_that_crashes_the_code_holds_up_no_other(
    world: World, mina: UserId, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook, _ = await world.webhook(mina, receiver)
    await world.finished(mina)

    def crash(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("jobs_service.webhooks.deliverer.judge", crash)
        await world.deliverer().deliver()
    assert (await world.delivery(webhook)).state is DeliveryState.PENDING
    await world.finished(mina)
    await world.deliverer().deliver()
    assert DeliveryState.DELIVERED in {one.state for one in await world.deliveries(webhook)}


async def test_deliveries_are_forgotten_after_a_month_unless_they_wait(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, _ = await world.webhook(mina, receiver)
    await world.finished(mina)
    await world.deliverer().deliver()
    await world.finished(mina)
    prune = PruneDeliveries(world.database, world.clock)
    await prune()
    assert await world.told() == 2
    world.clock.advance(31 * 24 * 3600)
    await prune()
    assert (await world.delivery(webhook)).state is DeliveryState.PENDING


async def test_without_a_webhook_the_end_of_a_job_reads_one_index(
    world: World, mina: UserId
) -> None:
    """What a job without an audience pays: one probe, within the statement that ends it."""
    query = "SELECT id FROM webhooks WHERE owner_id = :owner AND enabled"
    async with world.database.transaction() as tx:
        await tx.run(text("SET LOCAL enable_seqscan = off"))
        plan = await tx.all(text(f"EXPLAIN {query}"), {"owner": mina})
    assert "webhooks_owner_id_id" in str(plan)
    await world.finished(mina)
    assert await world.told() == 0


async def test_a_job_that_a_guest_began_is_told_to_the_user_they_become(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    guest = await world.setting.user(5)
    job = await world.running(guest)
    await world.webhook(mina, receiver)
    async with world.database.transaction() as tx:
        await AdoptGuest()(tx, guest, mina)
    await finish(world.database, job, TRACK)
    await world.deliverer().deliver()
    assert [one.message["data"]["id"] for one in receiver.received] == [str(job.id)]


async def test_who_removes_a_webhook_forgets_what_waits_for_it(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, _ = await world.webhook(mina, receiver)
    await world.finished(mina)
    await RemoveWebhook(world.database)(mina, webhook.id)
    assert await world.told() == 0
    assert await world.deliverer().deliver() == 0


async def test_a_job_that_ends_while_its_webhook_is_removed_ends_all_the_same(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, _ = await world.webhook(mina, receiver)
    job = await world.running(mina)
    async with world.database.transaction() as tx:
        assert await Webhooks(tx).delete(mina, webhook.id)
        ending = asyncio.ensure_future(finish(world.database, job, TRACK))
        await eventually(lambda: waits_for_a_lock(world))
    assert (await ending).status == "succeeded"
    assert await world.told() == 0


async def test_a_job_does_not_wait_for_who_changes_its_webhook(
    world: World, mina: UserId, receiver: Receiver
) -> None:
    webhook, _ = await world.webhook(mina, receiver)
    job = await world.running(mina)
    async with world.database.transaction() as tx:
        assert await Webhooks(tx).lock(mina, webhook.id)
        async with asyncio.timeout(10):
            await finish(world.database, job, TRACK)
    assert await world.told() == 1


async def waits_for_a_lock(world: World) -> bool:
    row = await world.database.one(
        text(
            "SELECT count(*) AS n FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
    )
    return row is not None and row.n > 0
