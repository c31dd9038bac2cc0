"""Accounts that are being opened: whoever registers may ask for something the moment after."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from jobs_service.credits.domain import NotEnoughCredits
from jobs_service.credits.repository import Credits
from shared.db.executor import Executor
from shared.runtime.waiting import found_within
from shared.security.principal import UserId

PATIENCE = 1.0
"""Seconds that the news of somebody new is given to arrive."""

T = TypeVar("T")


async def with_account(executor: Executor, owner: UserId, act: Callable[[], Awaitable[T]]) -> T:
    """Do what holds credits of `owner`; where there is no account yet, once there is one.

    Raises what `act` raises, `NotEnoughCredits` too.
    """
    try:
        return await act()
    except NotEnoughCredits:
        accounts = Credits(executor)
        if not await found_within(PATIENCE, lambda: accounts.is_open(owner)):
            raise
    return await act()
