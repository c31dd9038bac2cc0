"""When a delivery is tried again, and what a signature covers."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from standardwebhooks import Webhook

from jobs_service.webhooks.domain import (
    ENDS,
    EVENTS,
    JITTER,
    SCHEDULE,
    DeliveryState,
    Outcome,
    Verdict,
    each_once,
    fault_of_events,
    judge,
)
from jobs_service.webhooks.signing import new_secret, shown, signed_headers

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DELIVERED, FAILED = Verdict(DeliveryState.DELIVERED), Verdict(DeliveryState.FAILED)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_success(status: int) -> None:
    assert judge(Outcome(status), 1, NOW, 0) == DELIVERED


@pytest.mark.parametrize("outcome", [Outcome(199), Outcome(302), Outcome(400), Outcome(500),
                                     Outcome(error="no answer")])  # fmt: skip
def test_everything_else_is_tried_ten_times_with_growing_waits(outcome: Outcome) -> None:
    verdicts = [judge(outcome, tries, NOW, 0) for tries in range(1, 11)]
    waits = [one.again_at - NOW for one in verdicts if one.again_at]
    assert waits == list(SCHEDULE) == sorted(waits)
    assert verdicts[-1] == FAILED


def test_what_failed_together_is_spread() -> None:
    latest = judge(Outcome(500), 1, NOW, 1.0).again_at
    assert latest == NOW + SCHEDULE[0] * (1 + JITTER)


def test_gone_is_not_tried_again() -> None:
    assert judge(Outcome(410), 1, NOW, 0) == FAILED


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_may_ask_to_wait_longer_but_not_for_ever(status: int) -> None:
    def wait(seconds: float) -> timedelta:
        again_at = judge(Outcome(status, retry_after=seconds), 1, NOW, 0).again_at
        assert again_at is not None
        return again_at - NOW

    assert wait(90) == timedelta(seconds=90)
    assert wait(1) == SCHEDULE[0]
    assert wait(1e12) == timedelta(hours=24)
    assert judge(Outcome(500, retry_after=90), 1, NOW, 0).again_at == NOW + SCHEDULE[0]


def test_an_unknown_event_is_refused_with_the_known_ones() -> None:
    fault = str(fault_of_events(["jobs.job.exploded", *ENDS]))
    assert "jobs.job.exploded" in fault
    assert all(event in fault for event in EVENTS)
    assert fault_of_events(EVENTS) is None


def test_an_event_that_is_asked_for_twice_counts_once() -> None:
    assert each_once([*reversed(ENDS), ENDS[0]]) == ENDS


def test_an_independent_library_computes_the_same_signature() -> None:
    delivery, body = uuid4(), '{"a":"마당"}'.encode()
    old, new = new_secret(), new_secret()
    headers = signed_headers(delivery, NOW, body, [new, old])
    expected = [Webhook(shown(key)).sign(str(delivery), NOW, body.decode()) for key in (new, old)]
    assert headers["webhook-signature"].split(" ") == expected
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
