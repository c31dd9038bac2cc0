"""What is remembered for those who come back, and for how long."""

from uuid import UUID, uuid4

import pytest

from gateway.realtime import recent as module
from gateway.realtime.events import JobNews
from gateway.realtime.messages import EventMessage, Message
from gateway.realtime.recent import Recent
from shared.ids import uuid7
from tests.support.clock import MovableClock

USER = uuid4()
LATER = module.OVERLAP_SECONDS + 1


class Memory:
    """A memory, at a time that goes on."""

    def __init__(self) -> None:
        self.clock = MovableClock()
        self.recent = Recent(self.clock)
        self.clock.advance(LATER)

    def hear(self, user: UUID = USER) -> Message:
        news = JobNews(uuid4(), user, "captions", 1, uuid4())
        event = EventMessage(uuid7(), "jobs.job.queued", self.clock.now(), news)
        message = Message(event, news, self.clock.monotonic())
        assert self.recent.add(user, message)
        return message

    def after(self, message: Message, user: UUID = USER) -> list[Message] | None:
        return self.recent.after(user, message.id)


def test_what_came_after_an_event_is_replayed_in_order() -> None:
    memory = Memory()
    first = memory.hear()
    memory.clock.advance(LATER)
    second, third = memory.hear(), memory.hear()
    assert memory.after(first) == [second, third]


def test_what_came_just_before_it_is_replayed_too_and_what_is_older_is_not() -> None:
    memory = Memory()
    memory.hear()
    memory.clock.advance(LATER)
    before = memory.hear()
    memory.clock.advance(1)
    last = memory.hear()
    assert memory.after(last) == [before]


def test_an_event_of_another_user_is_not_known() -> None:
    memory = Memory()
    theirs = memory.hear(uuid4())
    memory.hear()
    assert memory.after(theirs) is None


def test_an_event_that_comes_twice_is_remembered_once() -> None:
    memory = Memory()
    message = memory.hear()
    assert not memory.recent.add(USER, message)


def test_nothing_is_remembered_for_longer_than_ten_minutes() -> None:
    memory = Memory()
    old = memory.hear()
    memory.clock.advance(module.MAX_SECONDS + 1)
    memory.recent.forget_old()
    assert memory.after(old) is None
    assert memory.recent.last_id(USER) == ""


def test_a_user_with_many_events_is_remembered_the_last_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_PER_USER", 3)
    memory = Memory()
    events = []
    for _ in range(4):
        events.append(memory.hear())
        memory.clock.advance(LATER)
    assert memory.after(events[0]) is None
    assert memory.after(events[2]) == [events[3]]


def test_a_replay_that_may_lack_something_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PER_USER", 2)
    memory = Memory()
    events = [memory.hear() for _ in range(3)]  # the first has gone, a moment before the second
    assert memory.after(events[2]) is None


def test_all_users_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_IN_ALL", 2)
    memory = Memory()
    users = [uuid4() for _ in range(3)]
    events = []
    for user in users:
        events.append(memory.hear(user))
        memory.clock.advance(LATER)
    known = [memory.after(event, user) for event, user in zip(events, users, strict=True)]
    assert known == [None, [], []]


def test_after_a_gap_nothing_from_before_it_is_known() -> None:
    memory = Memory()
    before = memory.hear()
    memory.recent.clear()
    after = memory.hear()
    assert memory.after(before) is None
    assert memory.after(after) is None  # what came just before it may have been lost
    memory.clock.advance(LATER)
    later = memory.hear()
    assert memory.after(later) == []
