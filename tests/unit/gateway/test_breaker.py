"""When nobody is let through to an upstream any more, and when somebody is again."""

import pytest

from gateway.upstream.breaker import Breaker
from tests.support.clock import MovableClock


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def breaker(clock: MovableClock) -> Breaker:
    return Breaker(clock)


@pytest.fixture
def opened(breaker: Breaker) -> Breaker:
    for _ in range(5):
        breaker.failed()
    return breaker


def test_five_failures_in_a_row_open_it(breaker: Breaker) -> None:
    assert [breaker.failed() for _ in range(5)] == [False] * 4 + [True]
    assert (breaker.state, breaker.opened) == ("open", 1)
    assert not breaker.admits()
    assert breaker.retry_after() == 2


def test_an_answer_in_between_begins_the_row_anew(breaker: Breaker) -> None:
    for _ in range(2):
        for _ in range(4):
            breaker.failed()
        breaker.answered()
    assert breaker.state == "closed"


def test_it_opens_when_ten_requests_failed_and_no_more_were_answered(breaker: Breaker) -> None:
    for _ in range(9):
        breaker.answered()
        breaker.failed()
    assert breaker.state == "closed"
    breaker.failed()
    assert breaker.state == "open"


def test_it_stays_closed_while_more_are_answered_than_fail(breaker: Breaker) -> None:
    for _ in range(100):
        breaker.failed()
        breaker.answered()
        breaker.answered()
    assert breaker.state == "closed"


def test_failures_of_long_ago_do_not_count(breaker: Breaker, clock: MovableClock) -> None:
    for _ in range(30):
        breaker.failed()
        breaker.answered()
        clock.advance(2)
    assert breaker.state == "closed"


def test_silence_counts_only_if_nobody_was_answered_meanwhile(breaker: Breaker) -> None:
    for _ in range(20):
        asked = breaker.answers
        breaker.answered()
        breaker.silent(asked)
    assert breaker.state == "closed"
    for _ in range(5):
        breaker.silent(breaker.answers)
    assert breaker.state == "open"


def test_one_request_at_a_time_finds_out(opened: Breaker, clock: MovableClock) -> None:
    clock.advance(2)
    assert [opened.admits(), opened.admits()] == [True, False]
    assert opened.state == "half_open"


def test_the_answer_to_a_probe_closes_it(opened: Breaker, clock: MovableClock) -> None:
    clock.advance(2)
    opened.admits()
    assert opened.answered()
    assert opened.state == "closed"
    assert [opened.failed() for _ in range(4)] == [False] * 4


def test_a_failed_probe_opens_it_for_another_while(opened: Breaker, clock: MovableClock) -> None:
    clock.advance(2)
    opened.admits()
    assert opened.failed()
    assert not opened.admits()
    assert (opened.retry_after(), opened.opened) == (2, 2)


def test_a_probe_that_tells_nothing_gives_way_to_another(
    opened: Breaker, clock: MovableClock
) -> None:
    clock.advance(2)
    opened.admits()
    clock.advance(2)
    assert opened.admits()


def test_what_had_been_sent_before_it_opened_changes_nothing(opened: Breaker) -> None:
    opened.answered()
    opened.failed()
    assert (opened.state, opened.opened) == ("open", 1)
