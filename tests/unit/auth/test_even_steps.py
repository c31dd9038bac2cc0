import time

from auth_service.recovery.even_steps import in_even_steps
from shared.clock import SystemClock


async def took(work_seconds: float) -> float:
    began = time.perf_counter()
    async with in_even_steps(SystemClock()):
        time.sleep(work_seconds)  # noqa: ASYNC251 - work, not waiting
    return time.perf_counter() - began


async def test_answers_to_more_and_less_work_take_the_same_time() -> None:
    for work_seconds in (0.0, 0.01, 0.03):
        assert 0.0495 <= await took(work_seconds) < 0.095


async def test_whoever_takes_longer_answers_at_the_next_step() -> None:
    assert 0.0995 <= await took(0.06) < 0.145
