"""Prices and entries: what a hold takes it gives back or spends, to the last credit."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_service.credits.domain import Estate, Hold, Settlement, shares
from jobs_service.credits.prices import PriceList
from shared.security.principal import UserId

OWNER = UserId(UUID(int=1))


@pytest.mark.parametrize(
    ("seconds", "price"), [(0.1, 1), (59.9, 1), (60, 1), (60.1, 2), (3600, 60), (0, 1)]
)
def test_each_started_minute_costs_a_credit(seconds: float, price: int) -> None:
    assert PriceList().captions(seconds) == price


@given(st.integers(1, 10_000), st.data())
def test_what_a_capture_does_not_spend_it_gives_back(amount: int, data: st.DataObject) -> None:
    captured = data.draw(st.integers(0, amount))
    entry = Hold(UUID(int=2), OWNER, amount).capture(captured)
    assert (entry.amount, entry.held) == (amount - captured, -amount)


def test_no_more_can_be_captured_than_was_held() -> None:
    with pytest.raises(ValueError, match="cannot capture 4 of a hold of 3"):
        Hold(UUID(int=2), OWNER, 3).capture(4)


def test_a_release_gives_back_everything() -> None:
    entry = Hold(UUID(int=2), OWNER, 3).release("cancelled")
    assert (entry.amount, entry.held, entry.reason) == (3, -3, "cancelled")


# ---- what a guest leaves


@given(balance=st.integers(0, 50), amounts=st.lists(st.integers(1, 9), max_size=5), data=st.data())
def test_what_a_guest_leaves_goes_on_or_lapses(
    balance: int, amounts: list[int], data: st.DataObject
) -> None:
    held = sum(amounts)
    free = data.draw(st.integers(0, balance + held))
    settled = Estate(balance, held, free).settle(with_free=False)
    assert settled.lapsed <= balance
    assert settled.lapsed + settled.lapsing == free
    parts = list(shares(amounts, settled.lapsing))
    assert sum(parts) == settled.lapsing
    assert all(0 <= part <= amount for part, amount in zip(parts, amounts, strict=True))


def test_with_free_credits_everything_goes_on() -> None:
    assert Estate(4, 3, 5).settle(with_free=True) == Settlement(0, 0)
