"""How many requests may be sent a second time."""

from gateway.upstream.retries import RetryBudget
from tests.support.clock import MovableClock


def allowed(budget: RetryBudget) -> int:
    count = 0
    while budget.allows():
        count += 1
    return count


def test_ten_requests_may_be_repeated_however_few_there_are() -> None:
    assert allowed(RetryBudget(MovableClock())) == 10


def test_a_fifth_of_many_requests_may_be_repeated() -> None:
    budget = RetryBudget(MovableClock())
    budget.requests += 1000
    assert allowed(budget) == 210


def test_what_is_spent_comes_back_after_ten_seconds() -> None:
    clock = MovableClock()
    budget = RetryBudget(clock)
    budget.requests += 1000
    allowed(budget)
    budget.mark()
    clock.advance(9)
    assert allowed(budget) == 0
    clock.advance(2)
    assert allowed(budget) == 10


def test_requests_of_the_last_seconds_count_one_by_one() -> None:
    clock = MovableClock()
    budget = RetryBudget(clock)
    for _ in range(60):
        budget.mark()
        budget.requests += 10
        clock.advance(1)
    assert 20 <= allowed(budget) - 10 <= 22
