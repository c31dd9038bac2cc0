"""Plans: whose is which, what they say, and how a setting changes them."""

import re
from uuid import uuid4

import msgspec
import pytest

from content_service.videos.limits import (
    BUILT_IN,
    Limits,
    Plan,
    QuotaExceeded,
    TooManyVideos,
    Used,
    VideoTooLarge,
    check_room,
    check_size,
    plans_in,
)
from shared.security.principal import Principal, SessionId, UserId

PLAN = Plan("free", max_bytes=100, max_seconds=60, total_bytes=250, videos=3, retention_days=7)
GUEST = msgspec.structs.replace(PLAN, name="guest")


def principal(*scopes: str, guest: bool = False) -> Principal:
    return Principal(UserId(uuid4()), SessionId(uuid4()), scopes=scopes, guest=guest)


@pytest.mark.parametrize(
    ("caller", "plan"),
    [
        (principal(guest=True), "guest"),
        (principal(), "free"),
        (principal("admin:users:read"), "free"),
        (principal("videos:write", "plan:pro"), "pro"),
        (principal("plan:unknown"), "free"),
        (principal("plan:pro", guest=True), "guest"),
    ],
)
def test_the_token_says_which_plan_is_the_callers(caller: Principal, plan: str) -> None:
    assert Limits(BUILT_IN).of(caller).name == plan


def test_nobody_sends_more_than_the_installation_takes() -> None:
    limits = Limits(BUILT_IN, max_bytes=1000)
    assert {limits.named(name).max_bytes for name in BUILT_IN} == {1000}
    assert BUILT_IN["guest"].max_bytes > 1000


def test_videos_are_kept_for_seven_days_unless_a_plan_says_more() -> None:
    assert {plan.name: plan.retention.days for plan in BUILT_IN.values()} == {
        "guest": 7, "free": 7, "pro": 30,
    }  # fmt: skip


def test_a_file_may_be_as_large_as_the_plan_says_and_no_larger() -> None:
    check_size(PLAN, 100)
    with pytest.raises(VideoTooLarge, match=r"to 100 bytes, and this one has 101 or more\.$"):
        check_size(PLAN, 101)


def test_the_last_byte_can_be_used() -> None:
    check_room(PLAN, Used(2, 150), 100)
    with pytest.raises(QuotaExceeded) as caught:
        check_room(PLAN, Used(2, 151), 100)
    assert caught.value.detail == (
        "The plan free keeps 250 bytes; 151 are used, and this video has 100: delete some."
    )
    assert caught.value.members == {"used_bytes": 151, "allowed_bytes": 250}


def test_the_last_place_can_be_taken() -> None:
    check_room(PLAN, Used(2, 0), 1)
    with pytest.raises(TooManyVideos, match=r"keeps 3 videos at a time: delete one\.$"):
        check_room(PLAN, Used(3, 0), 1)


def test_a_guest_is_told_to_register() -> None:
    with pytest.raises(TooManyVideos, match=r"delete one, or register for more\.$"):
        check_room(GUEST, Used(3, 0), 1)


def test_a_setting_changes_what_it_names_and_leaves_the_rest() -> None:
    plans = plans_in('{"free": {"videos": 9, "retention_days": 0.5}}')
    assert plans["free"] == msgspec.structs.replace(BUILT_IN["free"], videos=9, retention_days=0.5)
    assert (plans["guest"], plans["pro"]) == (BUILT_IN["guest"], BUILT_IN["pro"])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("[]", "it is no JSON object of plans"),
        ("{", "it is no JSON object of plans"),
        ('{"fre": {}}', "fre: there is no such plan; the plans are guest, free, pro"),
        ('{"free": {"vidoes": 3}}', "free: Object contains unknown field `vidoes`"),
        ('{"free": {"videos": -1}}', "free: Expected `int` >= 0"),
        ('{"free": {"max_bytes": 6000000000}}', "free: Expected `int` <= 5368709120"),
        ('{"pro": {"max_seconds": "long"}}', "pro: Expected `float | null`, got `str`"),
    ],
)
def test_a_setting_that_is_wrong_says_where(given: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        plans_in(given)


def test_every_mistake_is_told() -> None:
    with pytest.raises(ValueError, match=r"^fre: .*\nfree: "):
        plans_in('{"fre": {}, "free": 7}')
