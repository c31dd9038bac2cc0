"""Producers and consumers of events agree, through one stored sample of each event.

A producer must still make what `events.json` holds, and a consumer must still take it. Whoever
changes a sample changes a public contract: fields are only ever added.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from content_service import subscriptions as content
from content_service.videos.use_cases import EraseOwner
from deploy.reference.composed import Process
from deploy.reference.events import PUBLISHERS, published_by
from gateway.cache.purging import PURGING
from jobs_service import subscriptions as jobs
from jobs_service.credits.use_cases import GrantGuestCredits, GrantWelcomeCredits
from shared.clock import SystemClock
from shared.db.database import Database
from shared.ids import uuid7
from shared.messaging.broker import Subscription
from shared.messaging.event import Envelope, IntegrationEvent, decode, encode
from shared.messaging.inbox import Inbox
from tests.support.messaging import count

SAMPLES: dict[str, dict[str, Any]] = msgspec.json.decode(
    Path(__file__).with_name("events.json").read_bytes()
)
EVENTS = {event.TYPE: event for module in PUBLISHERS.values() for event in published_by(module)}

AWAITED = frozenset(PURGING)
"""What the gateway listens for already, and content does not publish as long as it has no posts."""


def delivered(event_type: str, **added: object) -> Envelope:
    """The sample as it comes from a broker."""
    envelope = Envelope(
        id=uuid7(),
        source="tests",
        type=event_type,
        time=SystemClock().now(),
        subject="sample",
        dataschema=f"{event_type}/v1",
        data=msgspec.Raw(msgspec.json.encode({**SAMPLES[event_type], **added})),
    )
    return decode(encode(envelope))


def test_every_event_has_a_sample() -> None:
    assert SAMPLES.keys() == EVENTS.keys()


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_a_producer_still_makes_its_sample(event: type[IntegrationEvent]) -> None:
    sample = SAMPLES[event.TYPE]
    made = msgspec.json.decode(msgspec.json.encode(sample), type=event)
    assert msgspec.json.decode(msgspec.json.encode(made)) == sample
    assert str(made.subject) in sample.values()


def test_everything_that_is_listened_for_is_published(processes: dict[str, Process]) -> None:
    heard = {name for one in processes.values() for each in one.listeners for name in each.types}
    assert heard - EVENTS.keys() <= AWAITED
    assert AWAITED.isdisjoint(EVENTS)  # what is published is no longer awaited


def test_every_change_of_what_everybody_may_read_purges_the_gateways_cache() -> None:
    of_what_is_public = ("content.post.", "content.comment.", "content.reaction.", "content.tag.")
    assert {name for name in EVENTS if name.startswith(of_what_is_public)} <= set(PURGING)


def test_every_durable_subscription_is_held_to_the_samples(
    processes: dict[str, Process], durable: dict[str, Subscription]
) -> None:
    composed = [each for one in processes.values() for each in one.listeners]
    names = {each.name for each in composed if isinstance(each, Subscription)}
    assert names == durable.keys()


async def test_processes_take_the_samples_of_what_is_broadcast(
    processes: dict[str, Process],
) -> None:
    broadcasts = [
        each
        for one in processes.values()
        for each in one.listeners
        if not isinstance(each, Subscription)
    ]
    assert broadcasts
    for broadcast in broadcasts:
        for event_type in EVENTS.keys() & broadcast.types:
            await broadcast.handle(delivered(event_type, field_of_the_future="unknown"))


@pytest.fixture
def durable(content_database: Database, jobs_database: Database) -> dict[str, Subscription]:
    """Every durable subscription by name, on real databases."""
    found = (
        *content.subscriptions(Inbox(content_database), EraseOwner(SystemClock(), lambda: None)),
        *jobs.subscriptions(Inbox(jobs_database), GrantWelcomeCredits(10), GrantGuestCredits(5)),
    )
    return {one.name: one for one in found}


async def test_consumers_take_the_samples_and_ignore_fields_that_they_do_not_know(
    durable: dict[str, Subscription], content_database: Database, jobs_database: Database
) -> None:
    # of the samples' user nothing is taken once they are erased
    for one in sorted(durable.values(), key=lambda one: "auth.user.deleted" in one.types):
        for event_type in one.types:
            await one.handle(delivered(event_type, field_of_the_future="unknown"))
    remembered = [await count(one, "inbox") for one in (content_database, jobs_database)]
    assert sum(remembered) == len(durable)


async def test_a_consumer_refuses_an_event_that_lacks_what_it_needs(
    durable: dict[str, Subscription],
) -> None:
    for one in durable.values():
        envelope = delivered(one.types[0], user_id=None, video_id=None, job_id=None)
        with pytest.raises(msgspec.ValidationError):
            await one.handle(envelope)
