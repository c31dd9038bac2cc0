"""What is told of a limit, in the fields of draft-ietf-httpapi-ratelimit-headers-11."""

import pytest

from gateway.rate_limits.policy import Policy


def told(policy: Policy, left: float) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in policy.headers(left)}


def test_an_allowed_answer_tells_the_policy_and_what_is_left() -> None:
    assert told(Policy("rest-user", 600, 60), 599.0) == {
        "ratelimit-policy": '"rest-user";q=600;w=60',
        "ratelimit": '"rest-user";r=599;t=60',
    }


@pytest.mark.parametrize(
    ("left", "limit"),
    [
        (9.0, "r=9;t=54"),
        (5.99, "r=5;t=30"),
        (1.0, "r=1;t=6"),
        (0.5, "r=0;t=3"),
        (0.0, "r=0;t=6"),
    ],
)
def test_the_effective_window_never_promises_more_than_the_rate_of_the_refill(
    left: float, limit: str
) -> None:
    for _ in range(2):  # made, then remembered
        assert (
            told(Policy("login-address", 10, 60), left)["ratelimit"] == f'"login-address";{limit}'
        )


def test_a_refusal_tells_when_to_come_again_and_not_before_the_end_of_its_window() -> None:
    refused = Policy("login-address", 10, 60).refusal(-0.25)
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert refused.headers == {
        "Retry-After": "2",
        "RateLimit-Policy": '"login-address";q=10;w=60',
        "RateLimit": '"login-address";r=0;t=2',
    }
    assert "10 requests in 60 s" in refused.detail


def test_seconds_are_whole_and_never_none() -> None:
    assert Policy("rest-user", 600, 60).refusal(-0.01).headers["Retry-After"] == "1"


@pytest.mark.parametrize(("quota", "lease"), [(600, 12), (300, 6), (60, 1), (10, 1), (1, 1)])
def test_a_lease_is_a_fiftieth_of_the_quota_and_of_a_small_one_a_single_token(
    quota: int, lease: int
) -> None:
    assert Policy("test", quota, 60).lease == lease


def test_remembered_headers_are_bounded() -> None:
    policy = Policy("test", 1_000_000, 60)
    for left in range(10_000):
        policy.headers(left)
    assert len(policy._headers) <= 4096
    assert told(policy, 9_999)["ratelimit"] == '"test";r=9999;t=1'
