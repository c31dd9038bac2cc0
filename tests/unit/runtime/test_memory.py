"""How a process treats its memory."""

import gc
from collections.abc import Iterator

import pytest

from shared.runtime.memory import look_for_cycles_rarely


@pytest.fixture
def as_before() -> Iterator[None]:
    """What is said of the collector is taken back afterwards."""
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
    gc.unfreeze()


class _Cycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.mark.usefixtures("as_before")
def test_cycles_are_still_found() -> None:
    look_for_cycles_rarely()
    assert gc.isenabled()
    for _ in range(100_000):
        _Cycle()
    left = sum(isinstance(one, _Cycle) for one in gc.get_objects())
    assert left < 60_000


@pytest.mark.usefixtures("as_before")
def test_what_was_there_is_not_looked_at_again() -> None:
    before = len(gc.get_objects())
    look_for_cycles_rarely()
    assert gc.get_freeze_count() > before // 2
    assert len(gc.get_objects()) < before // 10
