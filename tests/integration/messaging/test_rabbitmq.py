"""What only RabbitMQ can suffer; the rest is in tests/conformance/test_broker.py."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic

import aio_pika
import msgspec
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from sqlalchemy import text
from structlog.testing import capture_logs

from shared.db.database import Database, Transaction
from shared.errors import Unavailable
from shared.messaging.broker import Broadcast, RetryPolicy, Subscription, Unroutable
from shared.messaging.event import Envelope, bodies_in, decode, encode
from shared.messaging.inbox import Inbox
from shared.messaging.rabbitmq import RabbitMQBroker
from shared.messaging.rabbitmq.connecting import connect
from shared.messaging.rabbitmq.topology import EVENTS, dead_queue
from shared.messaging.relay import Relay
from tests.support.messaging import Counted, count, envelope_of, eventually, running
from tests.support.rabbitmq import RabbitMQ

QUEUE = "tests.numbers"


class Number(msgspec.Struct, frozen=True):
    number: int


@pytest.fixture
async def broker(own_rabbitmq: RabbitMQ) -> AsyncIterator[RabbitMQBroker]:
    """A broker whose one queue is removed afterwards."""
    yield RabbitMQBroker(own_rabbitmq.url, name="tests", retry=RetryPolicy((0.05,)))
    async with _channel(own_rabbitmq) as channel:
        await channel.queue_delete(QUEUE)
        await channel.queue_delete(dead_queue(QUEUE))


@asynccontextmanager
async def _channel(rabbitmq: RabbitMQ) -> AsyncIterator[AbstractChannel]:
    async with await aio_pika.connect(rabbitmq.url) as connection, connection.channel() as channel:
        yield channel


async def _kill(rabbitmq: RabbitMQ) -> None:
    """Kill the node, once its quorum queues would survive that.

    RabbitMQ keeps the name of the newest queue in memory until the next one is made, for up to
    three seconds (seen in 3.10); killed before, it starts again with a queue without a leader.
    """
    async with _channel(rabbitmq) as channel:
        await channel.declare_queue(
            "tests.newest", durable=True, arguments={"x-queue-type": "quorum"}
        )
        await channel.queue_delete("tests.newest")
    await asyncio.to_thread(rabbitmq.kill)


async def _stop(rabbitmq: RabbitMQ) -> None:
    await asyncio.to_thread(rabbitmq.stop)


def _remembering(numbers: list[str]) -> Subscription:
    async def handle(envelope: Envelope) -> None:
        numbers.append(envelope.subject)

    return Subscription(QUEUE, (Counted.TYPE,), handle)


@pytest.mark.parametrize("end", [_stop, _kill])
async def test_events_announced_while_the_broker_restarts_arrive_and_are_handled_once(
    own_rabbitmq: RabbitMQ,
    broker: RabbitMQBroker,
    messaging_database: Database,
    end: Callable[[RabbitMQ], Awaitable[None]],
) -> None:
    database = messaging_database
    await database.run(text("CREATE TABLE numbers (number integer)"))

    async def handle(tx: Transaction, event: Number) -> None:
        await tx.run(text("INSERT INTO numbers VALUES (:number)"), {"number": event.number})

    broker.subscribe(Inbox(database).subscription(QUEUE, Counted.TYPE, Number, handle))

    async def announce(numbers: range) -> None:
        for number in numbers:
            async with database.transaction() as tx:
                tx.announce(Counted(number))
            await asyncio.sleep(0.002)

    async def all_handled() -> bool:
        return await count(database, "numbers") >= 600 and await count(database, "outbox") == 0

    async with running(broker, Relay(database, broker)):
        writing = asyncio.create_task(announce(range(500)))
        await asyncio.sleep(0.4)
        await end(own_rabbitmq)
        await announce(range(500, 600))
        await asyncio.to_thread(own_rabbitmq.start)
        await writing
        await eventually(all_handled, 60)
    rows = await database.all(text("SELECT number FROM numbers ORDER BY number"))
    assert [row.number for row in rows] == list(range(600))


async def test_publishing_while_the_broker_is_down_fails_quickly_and_works_again_after(
    own_rabbitmq: RabbitMQ, broker: RabbitMQBroker
) -> None:
    numbers: list[str] = []
    broker.subscribe(_remembering(numbers))
    with capture_logs() as logs:
        async with running(broker):
            await _stop(own_rabbitmq)
            for attempt in (broker.publish(envelope_of(1)), broker.ping()):
                started = monotonic()
                with pytest.raises(Unavailable):
                    await attempt
                assert monotonic() - started < 5
            await asyncio.to_thread(own_rabbitmq.start)
            await eventually(lambda: _accepted(broker, 2), 30)
            await eventually(lambda: numbers == ["2"])
    events = [one["event"] for one in logs]
    assert events.count("rabbitmq_lost") == events.count("rabbitmq_away") == 1


async def _accepted(broker: RabbitMQBroker, number: int) -> bool:
    try:
        await broker.publish(envelope_of(number))
    except (Unavailable, Unroutable):
        return False
    return True


async def test_a_handler_that_outlives_the_connection_finishes_and_its_event_comes_again(
    own_rabbitmq: RabbitMQ, broker: RabbitMQBroker
) -> None:
    begun, goes_on, finished = asyncio.Event(), asyncio.Event(), []

    async def handle(envelope: Envelope) -> None:
        begun.set()
        await goes_on.wait()
        finished.append(envelope.subject)

    broker.subscribe(Subscription(QUEUE, (Counted.TYPE,), handle))
    async with running(broker):
        await broker.publish(envelope_of(1))
        await begun.wait()
        await _kill(own_rabbitmq)
        goes_on.set()
        await eventually(lambda: finished == ["1"])
        await asyncio.to_thread(own_rabbitmq.start)
        await eventually(lambda: finished == ["1", "1"], 30)


async def test_a_listener_catches_up_after_each_lost_connection(
    own_rabbitmq: RabbitMQ, broker: RabbitMQBroker
) -> None:
    caught_up, heard = [], []

    async def catch_up() -> None:
        caught_up.append(1)

    async def hear(envelope: Envelope) -> None:
        heard.append(envelope.subject)

    broker.subscribe(Broadcast("tests", (Counted.TYPE,), hear, catch_up))
    async with running(broker):
        await eventually(lambda: len(caught_up) == 1)
        await _kill(own_rabbitmq)
        await asyncio.to_thread(own_rabbitmq.start)
        await eventually(lambda: len(caught_up) == 2, 30)
        await broker.publish(envelope_of(2))
        await eventually(lambda: heard == ["2"])


async def test_a_listener_hears_events_in_their_order(broker: RabbitMQBroker) -> None:
    heard: list[str] = []

    async def hear(envelope: Envelope) -> None:
        await asyncio.sleep(0.01 if int(envelope.subject) % 2 else 0)
        heard.append(envelope.subject)

    broker.subscribe(Broadcast("tests", (Counted.TYPE,), hear))
    async with running(broker):
        for number in range(20):
            await broker.publish(envelope_of(number))
        await eventually(lambda: len(heard) == 20)
    assert heard == [str(number) for number in range(20)]


async def test_a_deleted_queue_and_a_deleted_exchange_are_declared_again(
    own_rabbitmq: RabbitMQ, broker: RabbitMQBroker
) -> None:
    numbers: list[str] = []
    broker.subscribe(_remembering(numbers))
    async with running(broker), _channel(own_rabbitmq) as channel:
        await channel.queue_delete(QUEUE)
        await eventually(lambda: _accepted(broker, 1))
        await eventually(lambda: "1" in numbers)
        await channel.exchange_delete(EVENTS)
        await eventually(lambda: _accepted(broker, 2))
        await eventually(lambda: "2" in numbers)


async def test_a_body_that_is_no_event_is_parked_and_can_be_looked_at(
    own_rabbitmq: RabbitMQ, broker: RabbitMQBroker
) -> None:
    broker.subscribe(_remembering([]))
    async with running(broker), _channel(own_rabbitmq) as channel:
        await channel.default_exchange.publish(aio_pika.Message(b"hello \xff"), QUEUE)
        await eventually(lambda: _has_dead_letters(broker))
    (letter,) = await broker.dead_letters(QUEUE)
    assert letter.envelope.type == "unreadable"
    assert msgspec.json.decode(letter.envelope.data) == "hello \N{REPLACEMENT CHARACTER}"
    assert letter.reason.startswith("DecodeError: JSON is malformed")


async def _has_dead_letters(broker: RabbitMQBroker) -> bool:
    return bool(await broker.dead_letters(QUEUE))


async def test_an_event_that_its_consumer_dies_of_is_parked_by_rabbitmq(
    own_rabbitmq: RabbitMQ, broker: RabbitMQBroker
) -> None:
    broker.subscribe(_remembering([]))
    async with running(broker):
        pass  # the queue exists, and nobody consumes
    async with _channel(own_rabbitmq) as channel:
        message = aio_pika.Message(msgspec.json.encode(envelope_of(1)))
        await channel.default_exchange.publish(message, QUEUE)
    for _ in range(21):
        async with _channel(own_rabbitmq) as channel:
            await _take(await channel.get_queue(QUEUE))
    await eventually(lambda: _has_dead_letters(broker))
    (letter,) = await broker.dead_letters(QUEUE)
    assert (letter.envelope.subject, letter.reason) == ("1", "delivery_limit")
    assert letter.parked_at.year > 2000


async def _take(queue: AbstractQueue) -> AbstractIncomingMessage:
    """Take the message and acknowledge nothing."""
    found: list[AbstractIncomingMessage] = []

    async def taken() -> bool:
        found.extend(filter(None, [await queue.get(fail=False)]))
        return bool(found)

    await eventually(taken)
    return found[0]


async def _queue_without_consumer(rabbitmq: RabbitMQ) -> None:
    idle = RabbitMQBroker(rabbitmq.url, name="tests", retry=RetryPolicy((0.05,)))
    idle.subscribe(_remembering([]))
    async with running(idle):
        pass


@pytest.mark.parametrize(
    ("numbers", "content_type"),
    [([1], "application/cloudevents+json"), ([1, 2], "application/cloudevents-batch+json")],
)
async def test_one_event_travels_as_itself_and_several_as_a_batch(
    own_rabbitmq: RabbitMQ, broker: RabbitMQBroker, numbers: list[int], content_type: str
) -> None:
    await _queue_without_consumer(own_rabbitmq)
    events = [envelope_of(number) for number in numbers]
    async with running(broker):
        await broker.publish(*events)
    async with _channel(own_rabbitmq) as channel:
        message = await _take(await channel.get_queue(QUEUE))
    assert message.content_type == content_type
    assert [decode(body) for body in bodies_in(message.body)] == events


async def test_several_events_that_come_again_return_to_the_queue_alone(
    own_rabbitmq: RabbitMQ, broker: RabbitMQBroker
) -> None:
    await _queue_without_consumer(own_rabbitmq)
    events = [envelope_of(number) for number in range(3)]
    publisher = RabbitMQBroker(own_rabbitmq.url, name="tests", retry=RetryPolicy((0.05,)))
    async with running(publisher):
        await publisher.publish(*events)
    async with _channel(own_rabbitmq) as channel:
        await _take(await channel.get_queue(QUEUE))  # by one who dies of it

    handled: list[str] = []

    async def die_of_the_second(envelope: Envelope) -> None:
        if envelope.subject == "1":
            await asyncio.sleep(600)
        handled.append(envelope.subject)

    broker.subscribe(Subscription(QUEUE, (Counted.TYPE,), die_of_the_second))
    task = asyncio.create_task(broker.run(lambda: None))
    await eventually(lambda: sorted(handled) == ["0", "2"])
    for _ in range(2):  # the second time cuts the handler off
        task.cancel()
        await asyncio.sleep(0.2)
    with pytest.raises(asyncio.CancelledError):
        await task
    async with _channel(own_rabbitmq) as channel:
        queue = await channel.get_queue(QUEUE)
        message = await _take(queue)
        assert decode(message.body) == events[1]
        assert message.redelivered
        assert await queue.get(fail=False) is None


async def test_several_events_whose_connection_is_lost_are_each_handled_once(
    own_rabbitmq: RabbitMQ, broker: RabbitMQBroker, messaging_database: Database
) -> None:
    database = messaging_database
    await database.run(text("CREATE TABLE numbers (number integer)"))
    begun, goes_on = asyncio.Event(), asyncio.Event()

    async def handle(tx: Transaction, event: Number) -> None:
        await tx.run(text("INSERT INTO numbers VALUES (:number)"), {"number": event.number})
        if event.number == 3:
            begun.set()
            await goes_on.wait()

    async def all_handled() -> bool:
        return await count(database, "numbers") == 6

    broker.subscribe(Inbox(database).subscription(QUEUE, Counted.TYPE, Number, handle))
    async with running(broker):
        await broker.publish(*map(envelope_of, range(6)))
        await begun.wait()
        link = broker._link
        assert link is not None
        link.give_up()
        await eventually(lambda: broker._link not in (link, None))
        goes_on.set()
        await eventually(all_handled)
        await eventually(lambda: _is_empty(own_rabbitmq))
    rows = await database.all(text("SELECT number FROM numbers ORDER BY number"))
    assert [row.number for row in rows] == list(range(6))
    assert await broker.dead_letters(QUEUE) == []


async def _is_empty(rabbitmq: RabbitMQ) -> bool:
    async with _channel(rabbitmq) as channel:
        queue = await channel.declare_queue(QUEUE, passive=True)
        return queue.declaration_result.message_count == 0


async def test_what_cannot_be_read_among_several_events_is_parked_alone(
    own_rabbitmq: RabbitMQ, broker: RabbitMQBroker
) -> None:
    numbers: list[str] = []
    broker.subscribe(_remembering(numbers))
    body = b"[%b,7,%b]" % (encode(envelope_of(1)), encode(envelope_of(2)))
    async with running(broker), _channel(own_rabbitmq) as channel:
        await channel.default_exchange.publish(aio_pika.Message(body), QUEUE)
        await eventually(lambda: _has_dead_letters(broker))
        await eventually(lambda: sorted(numbers) == ["1", "2"])
    (letter,) = await broker.dead_letters(QUEUE)
    assert (letter.envelope.type, letter.envelope.data) == ("unreadable", msgspec.Raw(b'"7"'))


async def test_what_cannot_be_read_among_several_events_is_lost_to_a_listener_alone(
    own_rabbitmq: RabbitMQ, broker: RabbitMQBroker
) -> None:
    heard: list[str] = []

    async def hear(envelope: Envelope) -> None:
        heard.append(envelope.subject)

    broker.subscribe(Broadcast("tests", (Counted.TYPE,), hear))
    body = b"[%b,7,%b]" % (encode(envelope_of(1)), encode(envelope_of(2)))
    async with running(broker), _channel(own_rabbitmq) as channel:
        exchange = await channel.get_exchange(EVENTS)
        await exchange.publish(aio_pika.Message(body), Counted.TYPE)
        await eventually(lambda: heard == ["1", "2"])


async def test_several_events_that_rabbitmq_parked_are_replayed_and_discarded_each_alone(
    own_rabbitmq: RabbitMQ, broker: RabbitMQBroker
) -> None:
    await _queue_without_consumer(own_rabbitmq)
    events = [envelope_of(number) for number in range(3)]
    async with _channel(own_rabbitmq) as channel:
        message = aio_pika.Message(
            encode(*events), headers={"x-first-death-reason": "delivery_limit"}
        )
        await channel.default_exchange.publish(message, dead_queue(QUEUE))
    assert await broker.replay(QUEUE, events[1].id) == 1
    assert await broker.discard(QUEUE, events[0].id) == 1
    (letter,) = await broker.dead_letters(QUEUE)
    assert (letter.envelope, letter.reason) == (events[2], "delivery_limit")
    async with _channel(own_rabbitmq) as channel:
        assert decode((await _take(await channel.get_queue(QUEUE))).body) == events[1]


async def test_types_that_a_release_no_longer_knows_are_acknowledged_and_left_alone(
    own_rabbitmq: RabbitMQ, broker: RabbitMQBroker
) -> None:
    numbers: list[str] = []
    broker.subscribe(_remembering(numbers))
    async with running(broker), _channel(own_rabbitmq) as channel:
        queue = await channel.get_queue(QUEUE)
        await queue.bind(EVENTS, "tests.older.type")
        await broker.publish(envelope_of(1, "tests.older.type"))
        await broker.publish(envelope_of(2))
        await eventually(lambda: numbers == ["2"])
        assert await broker.dead_letters(QUEUE) == []


async def test_a_second_cancellation_cuts_the_handlers_off_and_their_events_come_again(
    own_rabbitmq: RabbitMQ, broker: RabbitMQBroker
) -> None:
    begun = asyncio.Event()

    async def hang(_: Envelope) -> None:
        begun.set()
        await asyncio.sleep(600)

    broker.subscribe(Subscription(QUEUE, (Counted.TYPE,), hang))
    ready = asyncio.Event()
    task = asyncio.create_task(broker.run(ready.set))
    await ready.wait()
    await broker.publish(envelope_of(1))
    await begun.wait()
    for _ in range(2):
        assert not task.done()
        task.cancel()
        await asyncio.sleep(0.2)
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task

    numbers: list[str] = []
    again = RabbitMQBroker(own_rabbitmq.url, name="tests", retry=RetryPolicy((0.05,)))
    again.subscribe(_remembering(numbers))
    async with running(again):
        await eventually(lambda: numbers == ["1"])


async def test_a_broker_that_refuses_the_password_is_away_and_not_the_end(
    own_rabbitmq: RabbitMQ,
) -> None:
    wrong = RabbitMQBroker(own_rabbitmq.url.replace("guest:guest", "guest:wrong"), name="tests")
    task = asyncio.create_task(wrong.run(lambda: None))
    await asyncio.sleep(0.5)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_connection_that_failed_is_closed_and_not_left_to_the_garbage() -> None:
    with pytest.raises(OSError, match="Connect"):
        await connect("amqp://guest:guest@127.0.0.1:9/", "tests")
    left = [one for one in gc.get_objects() if isinstance(one, aio_pika.Connection)]
    assert all(one.is_closed or one.transport is not None for one in left)
