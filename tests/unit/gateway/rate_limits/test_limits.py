"""Which limit counts a request: by class of the route, by user, guest or address."""

import pytest

from gateway.rate_limits.limits import RateLimits
from gateway.rate_limits.policy import RateLimited
from gateway.routes import RouteClass
from shared.security.principal import Principal
from tests.support.clock import MovableClock
from tests.support.rate_limits import limiting, someone

HERE, THERE = "203.0.113.7", "203.0.113.8"


def limits(**settings: object) -> RateLimits:
    return limiting(MovableClock(), **settings).limits


def policy_of(
    limits: RateLimits, route_class: RouteClass, caller: Principal | None, address: str = HERE
) -> str:
    headers = limits.check(route_class, caller, address)
    assert headers is not None
    return dict(headers)[b"ratelimit-policy"].decode()


def is_refused(
    limits: RateLimits, route_class: RouteClass, caller: Principal | None, address: str = HERE
) -> bool:
    try:
        limits.check(route_class, caller, address)
    except RateLimited:
        return True
    return False


def emptied(
    limits: RateLimits, route_class: RouteClass, caller: Principal | None, address: str = HERE
) -> int:
    """Ask until refused; how often it was allowed."""
    for allowed in range(1000):
        if is_refused(limits, route_class, caller, address):
            return allowed
    raise AssertionError("never refused")


@pytest.mark.parametrize(
    ("route_class", "user", "guest", "nobody"),
    [
        (RouteClass.REST, "rest-user", "rest-guest", "rest-address"),
        (RouteClass.GENERATE, "generate-user", "generate-guest", "generate-address"),
        (RouteClass.UPLOAD, "upload-user", "upload-guest", "upload-address"),
        (RouteClass.LOGIN, "login-address", "login-address", "login-address"),
        (RouteClass.REGISTER, "register-address", "register-address", "register-address"),
    ],
)
def test_a_request_is_counted_for_its_user_or_without_one_for_its_address(
    route_class: RouteClass, user: str, guest: str, nobody: str
) -> None:
    found = [
        policy_of(limits(), route_class, caller).split(";")[0]
        for caller in (someone(), someone(guest=True), None)
    ]
    assert found == [f'"{name}"' for name in (user, guest, nobody)]


def test_the_defaults_give_a_guest_less_than_an_address_and_an_address_less_than_a_user() -> None:
    stated = [
        policy_of(limits(), RouteClass.REST, one) for one in (someone(), None, someone(guest=True))
    ]
    assert [one.split(";", 1)[1] for one in stated] == ["q=600;w=60", "q=300;w=60", "q=150;w=60"]


def test_a_user_has_one_bucket_wherever_they_call_from() -> None:
    given = limits(rate_limit_rest_per_minute=8)
    user = someone()
    assert emptied(given, RouteClass.REST, user, HERE) == 8
    assert is_refused(given, RouteClass.REST, user, THERE)


def test_users_of_one_address_do_not_take_from_each_other_or_from_the_address() -> None:
    given = limits(rate_limit_rest_per_minute=8)
    assert emptied(given, RouteClass.REST, someone()) == 8
    assert emptied(given, RouteClass.REST, someone()) == 8
    assert emptied(given, RouteClass.REST, None) == 4


def test_classes_of_routes_do_not_take_from_each_other() -> None:
    given = limits(rate_limit_login_per_minute=3)
    assert emptied(given, RouteClass.LOGIN, None) == 3
    assert not is_refused(given, RouteClass.REGISTER, None)


def test_log_ins_are_counted_by_address_also_for_somebody_who_is_logged_in() -> None:
    given = limits(rate_limit_login_per_minute=3)
    for _ in range(3):
        assert not is_refused(given, RouteClass.LOGIN, someone())
    assert is_refused(given, RouteClass.LOGIN, someone())
    assert not is_refused(given, RouteClass.LOGIN, someone(), THERE)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("203.0.113.7", "203.0.113.8", False),
        ("203.0.113.7", "::ffff:203.0.113.7", True),
    ],
)
def test_a_client_of_ipv6_is_its_network_of_64_bits(one: str, other: str, same: bool) -> None:
    given = limits(rate_limit_login_per_minute=2)
    emptied(given, RouteClass.LOGIN, None, one)
    assert is_refused(given, RouteClass.LOGIN, None, other) is same


def test_an_exempt_network_has_no_limit_by_address_but_its_users_have_theirs() -> None:
    given = limits(
        rate_limit_exempt="203.0.113.0/24,2001:db8::/32",
        rate_limit_login_per_minute=1,
        rate_limit_rest_per_minute=8,
    )
    for address in (HERE, THERE, "2001:db8::1"):
        assert [given.check(RouteClass.LOGIN, None, address) for _ in range(5)] == [[]] * 5
    assert emptied(given, RouteClass.LOGIN, None, "198.51.100.1") == 1
    assert emptied(given, RouteClass.REST, someone(), HERE) == 8


def test_a_limit_of_none_counts_nothing_and_says_nothing() -> None:
    given = limits(rate_limit_rest_per_minute=0)
    assert [given.check(RouteClass.REST, None, HERE) for _ in range(1000)] == [[]] * 1000
    assert policy_of(given, RouteClass.LOGIN, None)


def test_limits_can_be_switched_off_altogether() -> None:
    given = limits(rate_limits_enabled=False)
    for route_class in RouteClass:
        assert [given.check(route_class, None, HERE) for _ in range(100)] == [[]] * 100


def test_a_share_of_a_small_limit_is_still_a_request() -> None:
    given = limits(rate_limit_rest_per_minute=1)
    assert emptied(given, RouteClass.REST, someone(guest=True)) == 1


def test_without_redis_every_request_is_answered_at_once_and_there_is_nothing_to_run() -> None:
    made = limiting(MovableClock())
    assert made.components == ()
    assert made.redis is None
    assert made.limits.check(RouteClass.REST, None, HERE) is not None


def test_a_request_whose_client_has_no_address_is_counted_too() -> None:
    given = limits(rate_limit_login_per_minute=2)
    assert emptied(given, RouteClass.LOGIN, None, "") == 2
