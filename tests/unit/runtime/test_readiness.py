"""Readiness runs every check at once, bounds each, and reports each by name."""

import asyncio
import time

import pytest

from shared.runtime.readiness import Readiness


async def passes() -> None:
    await asyncio.sleep(0.02)


async def fails() -> None:
    raise ConnectionError("amqp://user:password@broker")


async def hangs() -> None:
    await asyncio.sleep(60)


async def test_a_process_whose_checks_all_pass_is_healthy() -> None:
    report = await Readiness({"database": passes, "broker": passes}).report()
    assert report.status == "healthy"
    assert all(one.status == "healthy" and one.latency_ms >= 19 for one in report.checks.values())


async def test_one_failing_check_makes_it_unhealthy_and_is_named_without_its_details() -> None:
    report = await Readiness({"database": passes, "broker": fails}).report()
    assert report.status == "unhealthy"
    assert report.checks["database"].status == "healthy"
    assert report.checks["broker"].status == "unhealthy"
    assert report.checks["broker"].reason == "ConnectionError"


async def test_checks_that_hang_cost_a_second_in_all() -> None:
    started = time.monotonic()
    report = await Readiness({"database": hangs, "broker": hangs, "storage": passes}).report()
    assert 0.9 < time.monotonic() - started < 1.5
    assert report.checks["broker"].reason == "no answer within 1 s"
    assert report.checks["storage"].status == "healthy"


async def test_a_draining_process_says_so_whatever_its_checks_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Readiness, "draining", True)
    assert (await Readiness({"database": passes}).report()).status == "draining"
