"""Token buckets in memory: how much they admit, and how many of them there are."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rate_limits import memory
from gateway.rate_limits.memory import MemoryBuckets
from gateway.rate_limits.policy import Policy
from tests.support.clock import MovableClock

TEN_A_MINUTE = Policy("test", 10, 60)


def buckets_and_clock(policy: Policy = TEN_A_MINUTE) -> tuple[MemoryBuckets, MovableClock]:
    clock = MovableClock()
    return MemoryBuckets(policy, clock), clock


def emptied(buckets: MemoryBuckets, key: str) -> None:
    while buckets.take(key) >= 1:
        pass


def test_a_full_bucket_gives_its_whole_quota_at_once_and_then_nothing() -> None:
    buckets, _ = buckets_and_clock()
    left = [int(buckets.take("a")) for _ in range(10)]
    assert left == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert buckets.take("a") < 0


def test_an_empty_bucket_gets_one_token_back_in_each_interval() -> None:
    buckets, clock = buckets_and_clock()
    emptied(buckets, "a")
    clock.advance(5.9)
    assert buckets.take("a") < 0
    clock.advance(0.1)
    assert buckets.take("a") >= 0
    assert buckets.take("a") < 0


def test_a_refusal_takes_nothing_and_tells_how_much_of_a_token_is_missing() -> None:
    buckets, clock = buckets_and_clock()
    emptied(buckets, "a")
    clock.advance(1.5)
    for _ in range(3):
        assert buckets.take("a") == pytest.approx(-0.75, abs=1e-5)


def test_a_bucket_never_holds_more_than_its_quota() -> None:
    buckets, clock = buckets_and_clock()
    emptied(buckets, "a")
    clock.advance(24 * 3600)
    assert int(buckets.take("a")) == 9


def test_clients_do_not_share_a_bucket() -> None:
    buckets, _ = buckets_and_clock()
    emptied(buckets, "a")
    assert int(buckets.take("b")) == 9


@given(
    quota=st.integers(1, 20),
    window=st.integers(1, 3600),
    pauses=st.lists(st.floats(0, 600), min_size=1, max_size=200),
)
def test_no_stretch_of_time_sees_more_than_the_quota_and_what_came_back_meanwhile(
    quota: int, window: int, pauses: list[float]
) -> None:
    buckets, clock = buckets_and_clock(Policy("test", quota, window))
    admitted = []
    for at, pause in zip(accumulate(pauses), pauses, strict=True):
        clock.advance(pause)
        if buckets.take("a") >= 0:
            admitted.append(at)
    for first, begin in enumerate(admitted):
        for last, end in enumerate(admitted[first:], first):
            came_back = (end - begin) * quota / window
            assert last - first + 1 <= quota + came_back + 1e-3


def test_buckets_that_are_full_again_are_forgotten() -> None:
    buckets, clock = buckets_and_clock()
    for number in range(100):
        buckets.take(f"client {number}")
    clock.advance(7)
    for number in range(100):
        buckets.take(f"other {number}")
    assert len(buckets) == 100


def test_a_flood_of_invented_clients_takes_no_more_memory_than_its_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "MAX_BUCKETS", 50)
    buckets, _ = buckets_and_clock()
    emptied(buckets, "known")
    for number in range(1000):
        buckets.take(number)
        assert len(buckets) <= 50
    assert int(buckets.take("known")) == 9, "the oldest was forgotten, and so is full"


def test_a_client_that_keeps_asking_is_not_forgotten_in_a_flood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "MAX_BUCKETS", 50)
    buckets, clock = buckets_and_clock()
    for number in range(1000):
        buckets.take(number)
        if number % 20 == 0:
            clock.advance(6)
            assert buckets.take("known") >= 0
    assert int(buckets.take("known")) < 9
