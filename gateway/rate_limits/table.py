"""The limits in one table. docs/rate-limits.md says why these."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.routes import RouteClass

_MINUTE, _HOUR = 60, 3600
GUEST_SHARE = 0.25
ADDRESS_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Rule:
    """`quota` requests in `window` seconds: of a user, or, `by_address`, of an address whoever
    calls from it."""

    quota: int
    window: int
    by_address: bool = False


RULES: Mapping[RouteClass, Rule] = {
    RouteClass.REST: Rule(600, _MINUTE),
    RouteClass.GENERATE: Rule(60, _MINUTE),
    RouteClass.UPLOAD: Rule(30, _HOUR),
    RouteClass.LOGIN: Rule(10, _MINUTE, by_address=True),
    RouteClass.REGISTER: Rule(5, _MINUTE, by_address=True),
}
"""What is not listed has no limit."""
