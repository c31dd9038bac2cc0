"""Every process as it is composed, without a database or a broker."""

from collections.abc import AsyncIterator

import pytest

from deploy.reference.composed import Process, composed


@pytest.fixture(scope="session")
async def processes() -> AsyncIterator[dict[str, Process]]:
    """Every process by the name of its module."""
    async with composed() as found:
        yield found
