"""Accounts that are being opened: whoever registers may ask for something the moment after."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from jobs_service.credits.domain import NotEnoughCredits
from jobs_service.credits.repository import Credits
from shared.db.executor import Executor
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
        if not await _is_opened(executor, owner):
            raise
    return await act()


async def _is_opened(executor: Executor, owner: UserId) -> bool:
    accounts, waited, step = Credits(executor), 0.0, 0.02
    while not await accounts.is_open(owner):
        if waited >= PATIENCE:
            return False
        await asyncio.sleep(step)
        waited, step = waited + step, step * 2
    return True
