"""One suite for both brokers: what the port promises (shared/messaging/broker.py)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from time import monotonic
from uuid import uuid4

import aio_pika
import msgspec
import pytest

from shared.db.database import Database, Transaction
from shared.errors import Invalid, Unavailable
from shared.messaging.broker import (
    Broadcast,
    Broker,
    Handle,
    RetryPolicy,
    SubscriberAway,
    Subscription,
    Unroutable,
)
from shared.messaging.event import Envelope
from shared.messaging.in_process import InProcessBroker
from shared.messaging.inbox import Inbox
from shared.messaging.rabbitmq import RabbitMQBroker
from shared.messaging.rabbitmq.topology import dead_queue, retry_exchange
from shared.messaging.relay import Relay
from shared.observability import context
from tests.support.messaging import envelope_of, eventually, running

RETRY = RetryPolicy((0.05, 0.15, 0.3))


class Number(msgspec.Struct, frozen=True):
    """The consumer's own copy of the event."""

    number: int


@dataclass
class Recorder:
    """A handler that remembers what it was given, and fails as told."""

    failures: list[Exception] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    async def __call__(self, envelope: Envelope) -> None:
        self.numbers.append(int(envelope.subject))
        self.times.append(monotonic())
        if self.failures:
            raise self.failures.pop(0)


@dataclass
class Bench:
    """Brokers of one kind, and names that no other test uses."""

    kind: str
    url: str
    database: Database
    prefix: str = field(default_factory=lambda: f"test-{uuid4().hex[:12]}")
    queues: list[str] = field(default_factory=list)

    def broker(self) -> Broker:
        """A broker that retries quickly."""
        if self.kind == "in-process":
            return InProcessBroker(RETRY)
        return RabbitMQBroker(self.url, name="tests", retry=RETRY)

    def relays(self, broker: Broker) -> list[Relay]:
        """What takes replayed events back, where the broker has no queues of its own."""
        return [Relay(self.database, broker)] if self.kind == "in-process" else []

    def subscription(
        self, purpose: str, handle: Handle, *, to: str = "happened", concurrency: int = 16
    ) -> Subscription:
        """A subscription whose queue is removed after the test."""
        self.queues.append(f"{self.prefix}.{purpose}")
        types = (self.type(to),)
        return Subscription(self.queues[-1], types, handle, concurrency, self.database)

    def type(self, name: str = "happened") -> str:
        """An event type of this test's own."""
        return f"{self.prefix}.{name}"

    def event(self, number: int, name: str = "happened", **changed: object) -> Envelope:
        """An event of this test's own."""
        return envelope_of(number, self.type(name), **changed)


@pytest.fixture(params=["in-process", "rabbitmq"])
async def bench(
    request: pytest.FixtureRequest, messaging_database: Database
) -> AsyncIterator[Bench]:
    """Both kinds in turn."""
    url = request.getfixturevalue("amqp_url") if request.param == "rabbitmq" else ""
    bench = Bench(request.param, url, messaging_database)
    yield bench
    if url:
        async with await aio_pika.connect(url) as connection, connection.channel() as channel:
            for queue in bench.queues:
                await channel.queue_delete(queue)
                await channel.queue_delete(dead_queue(queue))
            for seconds in RETRY.delays:
                await channel.queue_delete(retry_exchange(seconds))
                await channel.exchange_delete(retry_exchange(seconds))


async def test_an_event_reaches_every_subscription(bench: Bench) -> None:
    first, second = Recorder(), Recorder()
    broker = bench.broker()
    broker.subscribe(bench.subscription("first", first), bench.subscription("second", second))
    async with running(broker):
        await broker.publish(bench.event(7))
        await eventually(lambda: first.numbers == second.numbers == [7])


async def test_several_events_are_published_at_a_time(bench: Bench) -> None:
    handle, heard = Recorder(), Recorder()
    broker = bench.broker()
    broker.subscribe(
        bench.subscription("several", handle), Broadcast("several", (bench.type(),), heard)
    )
    async with running(broker):
        await broker.publish(*map(bench.event, range(20)))
        await eventually(lambda: len(handle.numbers) == len(heard.numbers) == 20)
    assert sorted(handle.numbers) == heard.numbers == list(range(20))


async def test_each_of_several_events_is_handled_once(bench: Bench) -> None:
    handled: list[int] = []

    async def handle(tx: Transaction, event: Number) -> None:
        handled.append(event.number)

    broker = bench.broker()
    bench.queues.append(f"{bench.prefix}.once-each")
    broker.subscribe(
        Inbox(bench.database).subscription(bench.queues[-1], bench.type(), Number, handle)
    )
    events = [bench.event(number) for number in range(4)]
    async with running(broker):
        await broker.publish(*events[:3])
        await broker.publish(*events[1:])
        await eventually(lambda: len(handled) == 4)
    assert sorted(handled) == [0, 1, 2, 3]


async def test_several_events_that_must_be_heard_need_a_queue(bench: Bench) -> None:
    broker = bench.broker()
    async with running(broker):
        with pytest.raises(Unroutable, match="happened"):
            await broker.publish(bench.event(1), bench.event(2))


async def test_a_failed_one_of_several_is_tried_again_alone(bench: Bench) -> None:
    handle = Recorder([RuntimeError("not yet")])
    broker = bench.broker()
    subscription = bench.subscription("one-fails", handle)
    broker.subscribe(subscription)
    async with running(broker):
        await broker.publish(*map(bench.event, range(3)))
        await eventually(lambda: len(handle.numbers) == 4)
        assert await broker.dead_letters(subscription.name) == []
    assert sorted(handle.numbers) == [0, 0, 1, 2]


async def test_a_hopeless_one_of_several_is_parked_alone(bench: Bench) -> None:
    handle = Recorder([Invalid("no")])
    broker = bench.broker()
    subscription = bench.subscription("one-hopeless", handle)
    broker.subscribe(subscription)
    events = [bench.event(number) for number in range(3)]
    async with running(broker, *bench.relays(broker)):
        await broker.publish(*events)
        await _parked(broker, subscription, 1)
        (letter,) = await broker.dead_letters(subscription.name)
        assert (letter.envelope, letter.attempts) == (events[0], 1)
        assert await broker.replay(subscription.name) == 1
        await eventually(lambda: len(handle.numbers) == 4)
    assert sorted(handle.numbers) == [0, 0, 1, 2]


async def test_a_subscription_gets_its_exact_types_only(bench: Bench) -> None:
    posts, comments = Recorder(), Recorder()
    broker = bench.broker()
    broker.subscribe(
        bench.subscription("posts", posts, to="post.published"),
        bench.subscription("comments", comments, to="post"),
    )
    async with running(broker):
        await broker.publish(bench.event(1, "post.published"))
        await broker.publish(bench.event(2, "post"))
        await eventually(lambda: posts.numbers == [1] and comments.numbers == [2])


async def test_an_event_that_must_be_heard_needs_a_queue(bench: Bench) -> None:
    broker = bench.broker()
    async with running(broker):
        with pytest.raises(Unroutable, match="happened"):
            await broker.publish(bench.event(1))


async def test_an_event_that_need_not_be_heard_may_go_unheard(bench: Bench) -> None:
    broker = bench.broker()
    async with running(broker):
        await broker.publish(bench.event(1, must_be_heard=False))


async def test_before_it_runs_a_broker_is_unavailable(bench: Bench) -> None:
    broker = bench.broker()
    with pytest.raises(Unavailable):
        await broker.publish(bench.event(1))
    with pytest.raises(Unavailable):
        await broker.ping()


async def test_a_running_broker_answers_a_ping(bench: Bench) -> None:
    broker = bench.broker()
    async with running(broker):
        await broker.ping()


async def test_a_second_delivery_is_not_handled_again(bench: Bench) -> None:
    handled: list[int] = []

    async def handle(tx: Transaction, event: Number) -> None:
        handled.append(event.number)

    broker = bench.broker()
    inbox = Inbox(bench.database)
    bench.queues.append(f"{bench.prefix}.once")
    broker.subscribe(inbox.subscription(bench.queues[-1], bench.type(), Number, handle))
    async with running(broker):
        event = bench.event(1)
        for one in (event, event, bench.event(2)):
            await broker.publish(one)
        await eventually(lambda: sorted(handled) == [1, 2])
    assert sorted(handled) == [1, 2]


async def test_a_failed_event_is_tried_again_until_it_succeeds(bench: Bench) -> None:
    handle = Recorder([RuntimeError("not yet"), RuntimeError("not yet")])
    broker = bench.broker()
    subscription = bench.subscription("flaky", handle)
    broker.subscribe(subscription)
    async with running(broker):
        await broker.publish(bench.event(5))
        await eventually(lambda: handle.numbers == [5, 5, 5])
        assert await broker.dead_letters(subscription.name) == []


async def test_the_pauses_between_attempts_grow(bench: Bench) -> None:
    handle = Recorder([RuntimeError("no")] * 3)
    broker = bench.broker()
    broker.subscribe(bench.subscription("slow", handle))
    async with running(broker):
        await broker.publish(bench.event(1))
        await eventually(lambda: len(handle.times) == 4)
    pauses = [later - earlier for earlier, later in pairwise(handle.times)]
    assert all(pause >= delay * 0.95 for pause, delay in zip(pauses, RETRY.delays, strict=True)), (
        pauses
    )


async def test_after_the_last_attempt_an_event_is_parked_with_the_reason(bench: Bench) -> None:
    handle = Recorder([RuntimeError("the printer is on fire")] * 4)
    broker = bench.broker()
    subscription = bench.subscription("hopeless", handle)
    broker.subscribe(subscription)
    async with running(broker):
        event = bench.event(1)
        await broker.publish(event)
        await _parked(broker, subscription, 1)
        (letter,) = await broker.dead_letters(subscription.name)
    assert handle.numbers == [1, 1, 1, 1]
    assert letter.subscription == subscription.name
    assert letter.envelope == event
    assert letter.reason == "RuntimeError: the printer is on fire"
    assert letter.attempts == 4
    assert letter.parked_at >= event.time.replace(microsecond=0)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Invalid("There is no such video."), "invalid_input: There is no such video."),
        (msgspec.ValidationError("Expected `int`"), "ValidationError: Expected `int`"),
    ],
)
async def test_what_can_never_succeed_is_parked_at_once(
    bench: Bench, error: Exception, reason: str
) -> None:
    handle = Recorder([error])
    broker = bench.broker()
    subscription = bench.subscription("final", handle)
    broker.subscribe(subscription)
    async with running(broker):
        await broker.publish(bench.event(1))
        await _parked(broker, subscription, 1)
        (letter,) = await broker.dead_letters(subscription.name)
    assert (letter.reason, letter.attempts) == (reason, 1)
    assert handle.numbers == [1]


async def test_a_parked_event_does_not_keep_the_others_waiting(bench: Bench) -> None:
    handle = Recorder([Invalid("no")])
    broker = bench.broker()
    subscription = bench.subscription("mixed", handle)
    broker.subscribe(subscription)
    async with running(broker):
        await broker.publish(bench.event(1))
        await broker.publish(bench.event(2))
        await eventually(lambda: sorted(handle.numbers) == [1, 2])
        await _parked(broker, subscription, 1)


async def test_dead_letters_are_listed_oldest_first_and_stay(bench: Bench) -> None:
    handle = Recorder([Invalid("no")] * 3)
    broker = bench.broker()
    subscription = bench.subscription("list", handle)
    broker.subscribe(subscription)
    async with running(broker):
        for number in (1, 2, 3):
            await broker.publish(bench.event(number))
            await _parked(broker, subscription, number)
        for _ in range(2):
            letters = await broker.dead_letters(subscription.name)
            assert [letter.envelope.subject for letter in letters] == ["1", "2", "3"]
        assert len(await broker.dead_letters(subscription.name, limit=2)) == 2


async def test_one_dead_letter_is_replayed_and_the_others_stay(bench: Bench) -> None:
    handle = Recorder([Invalid("no")] * 2)
    broker = bench.broker()
    subscription = bench.subscription("replay", handle)
    broker.subscribe(subscription)
    async with running(broker, *bench.relays(broker)):
        for number in (1, 2):
            await broker.publish(bench.event(number))
            await _parked(broker, subscription, number)
        second = (await broker.dead_letters(subscription.name))[1]
        assert await broker.replay(subscription.name, second.envelope.id) == 1
        await eventually(lambda: handle.numbers == [1, 2, 2])
        await _parked(broker, subscription, 1)
        (left,) = await broker.dead_letters(subscription.name)
        assert left.envelope.subject == "1"
        assert await broker.replay(subscription.name, second.envelope.id) == 0


async def test_a_discarded_dead_letter_is_gone_and_the_others_stay(bench: Bench) -> None:
    handle = Recorder([Invalid("no")] * 2)
    broker = bench.broker()
    subscription = bench.subscription("discard", handle)
    broker.subscribe(subscription)
    async with running(broker):
        for number in (1, 2):
            await broker.publish(bench.event(number))
            await _parked(broker, subscription, number)
        first = (await broker.dead_letters(subscription.name))[0]
        assert await broker.discard(subscription.name, first.envelope.id) == 1
        await _parked(broker, subscription, 1)
        (left,) = await broker.dead_letters(subscription.name)
        assert left.envelope.id != first.envelope.id
        assert await broker.discard(subscription.name, first.envelope.id) == 0
    assert handle.numbers == [1, 2]


async def test_a_replay_concerns_nobody_but_its_subscription(bench: Bench) -> None:
    broken, heard = Recorder([Invalid("no")]), Recorder()
    told: list[str] = []
    broker = bench.broker()
    subscription, other = bench.subscription("broken", broken), bench.subscription("other", heard)
    everybody = Broadcast("everybody", (bench.type(),), _appending(told, "told"))
    broker.subscribe(subscription, other, everybody)
    async with running(broker, *bench.relays(broker)):
        await broker.publish(bench.event(1))
        await _parked(broker, subscription, 1)
        assert await broker.replay(subscription.name) == 1
        await eventually(lambda: broken.numbers == [1, 1])
        await broker.publish(bench.event(2))
        await eventually(lambda: heard.numbers == [1, 2])
        await eventually(lambda: told == ["told 1", "told 2"])


async def test_all_dead_letters_are_replayed_and_a_hopeless_one_is_parked_again(
    bench: Bench,
) -> None:
    handle = Recorder([Invalid("no"), Invalid("no"), Invalid("still no")])
    broker = bench.broker()
    subscription = bench.subscription("replay-all", handle)
    broker.subscribe(subscription)
    async with running(broker, *bench.relays(broker)):
        for number in (1, 2):
            await broker.publish(bench.event(number))
            await _parked(broker, subscription, number)
        assert await broker.replay(subscription.name) == 2
        await eventually(lambda: len(handle.numbers) == 4)
        await _parked(broker, subscription, 1)
        (letter,) = await broker.dead_letters(subscription.name)
        assert letter.reason == "invalid_input: still no"


async def test_an_outage_of_the_subscriber_does_not_count_as_an_attempt(bench: Bench) -> None:
    handle = Recorder([SubscriberAway("the database restarts")] * 6)
    broker = bench.broker()
    subscription = bench.subscription("away", handle)
    broker.subscribe(subscription)
    async with running(broker):
        await _publish_until_accepted(broker, bench.event(1))
        await eventually(lambda: len(handle.numbers) == 7)
        assert await broker.dead_letters(subscription.name) == []


async def test_of_several_events_the_one_whose_subscriber_was_away_comes_again(
    bench: Bench,
) -> None:
    handle = Recorder([SubscriberAway("the database restarts")])
    broker = bench.broker()
    subscription = bench.subscription("away-from-one", handle)
    broker.subscribe(subscription)
    async with running(broker):
        await _publish_until_accepted(broker, bench.event(1), bench.event(2))
        await eventually(lambda: handle.numbers.count(1) >= 2 and 2 in handle.numbers)
        assert await broker.dead_letters(subscription.name) == []


async def test_a_broadcast_reaches_every_listener(bench: Bench) -> None:
    heard: list[str] = []
    broker = bench.broker()
    for name in ("first", "second"):
        broker.subscribe(Broadcast(name, (bench.type(),), _appending(heard, name)))
    async with running(broker):
        await broker.publish(bench.event(1))
        await eventually(lambda: sorted(heard) == ["first 1", "second 1"])


async def test_a_listener_that_fails_loses_that_event_alone(bench: Bench) -> None:
    handle = Recorder([RuntimeError("deaf")])
    broker = bench.broker()
    broker.subscribe(Broadcast("listener", (bench.type(),), handle))
    async with running(broker):
        await broker.publish(bench.event(1))
        await broker.publish(bench.event(2))
        await eventually(lambda: handle.numbers == [1, 2])


async def test_a_listener_that_fails_at_one_of_several_events_hears_the_others(
    bench: Bench,
) -> None:
    handle = Recorder([RuntimeError("deaf")])
    broker = bench.broker()
    broker.subscribe(Broadcast("listener", (bench.type(),), handle))
    async with running(broker):
        await broker.publish(*map(bench.event, range(3)))
        await eventually(lambda: handle.numbers == [0, 1, 2])


async def test_a_listener_catches_up_when_listening_begins_even_if_that_fails_at_first(
    bench: Bench,
) -> None:
    calls: list[int] = []

    async def caught_up() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("the source is not up yet")

    broker = bench.broker()
    broker.subscribe(Broadcast("late", (bench.type(),), Recorder(), caught_up))
    async with running(broker):
        await eventually(lambda: len(calls) == 2)


async def test_a_handler_under_way_finishes_and_is_acknowledged_when_the_broker_ends(
    bench: Bench,
) -> None:
    begun, finished = asyncio.Event(), asyncio.Event()

    async def handle(_: Envelope) -> None:
        begun.set()
        await asyncio.sleep(0.3)
        finished.set()

    broker = bench.broker()
    broker.subscribe(bench.subscription("drained", handle))
    async with running(broker):
        publishing = asyncio.create_task(broker.publish(bench.event(1)))
        await begun.wait()
    assert finished.is_set()
    await publishing

    again, handler = bench.broker(), Recorder()
    again.subscribe(bench.subscription("drained", handler))
    async with running(again):
        await again.publish(bench.event(2))
        await eventually(lambda: 2 in handler.numbers)
    assert handler.numbers == [2]


@pytest.mark.parametrize("at_a_time", [1, 6])
async def test_no_more_handlers_run_at_a_time_than_the_subscription_allows(
    bench: Bench, at_a_time: int
) -> None:
    running_now, most, done = 0, 0, 0

    async def handle(_: Envelope) -> None:
        nonlocal running_now, most, done
        running_now += 1
        most = max(most, running_now)
        await asyncio.sleep(0.02)
        running_now -= 1
        done += 1

    broker = bench.broker()
    broker.subscribe(bench.subscription("narrow", handle, concurrency=3))
    async with running(broker):
        events = [bench.event(number) for number in range(12)]
        messages = [events[n : n + at_a_time] for n in range(0, 12, at_a_time)]
        await asyncio.gather(*(broker.publish(*message) for message in messages))
        await eventually(lambda: done == 12)
    assert most == 3


async def test_a_handler_runs_under_the_request_and_trace_of_its_event(bench: Bench) -> None:
    seen: list[tuple[str, str]] = []

    async def handle(_: Envelope) -> None:
        seen.append((context.request_id.get(), context.traceparent.get()[:35]))

    broker = bench.broker()
    broker.subscribe(bench.subscription("traced", handle))
    trace = f"00-{'ab' * 16}-{'cd' * 8}-01"
    async with running(broker):
        await broker.publish(bench.event(1, request_id="request-1", traceparent=trace))
        await eventually(lambda: bool(seen))
    assert seen == [("request-1", trace[:35])]


async def _parked(broker: Broker, subscription: Subscription, number: int) -> None:
    async def holds() -> bool:
        return len(await broker.dead_letters(subscription.name)) == number

    await eventually(holds)


async def _publish_until_accepted(broker: Broker, *envelopes: Envelope) -> None:
    """As the relay does."""
    while True:
        try:
            return await broker.publish(*envelopes)
        except Unavailable:
            await asyncio.sleep(0.01)


def _appending(heard: list[str], name: str) -> Callable[[Envelope], Awaitable[None]]:
    async def handle(envelope: Envelope) -> None:
        heard.append(f"{name} {envelope.subject}")

    return handle
