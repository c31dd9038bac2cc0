"""Builds the limits that the settings ask for."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.rate_limits.buckets import Buckets
from gateway.rate_limits.limits import Limit, Limits, RateLimits
from gateway.rate_limits.memory import MemoryBuckets
from gateway.rate_limits.policy import Policy
from gateway.rate_limits.redis_link import RedisLink
from gateway.rate_limits.settings import RateLimitSettings
from gateway.rate_limits.shared import ON_CONNECT, SharedBuckets
from gateway.rate_limits.table import ADDRESS_SHARE, GUEST_SHARE, RULES, Rule
from gateway.routes import RouteClass
from shared.clock import Clock
from shared.runtime.service import Component


@dataclass(frozen=True, slots=True)
class RateLimiting:
    """The limits, and the link to Redis if they are shared."""

    limits: RateLimits
    redis: RedisLink | None = None

    @property
    def components(self) -> tuple[Component, ...]:
        """What runs for them."""
        return () if self.redis is None else (self.redis.component,)


def rate_limits(settings: RateLimitSettings, clock: Clock) -> RateLimiting:
    """The limits by `settings`, shared when there is a Redis and this is not to be offline."""
    redis = None
    if settings.redis_url is not None and not settings.offline_mode:
        url = settings.redis_url.get_secret_value()
        redis = RedisLink(url, clock, on_connect=ON_CONNECT)

    def buckets(policy: Policy) -> Buckets:
        if redis is None:
            return MemoryBuckets(policy, clock)
        return SharedBuckets(policy, redis, clock)

    limits = {
        route_class: _limits_of(route_class, rule, buckets)
        for route_class, rule in _rules(settings).items()
        if rule.quota and settings.rate_limits_enabled
    }
    return RateLimiting(RateLimits(limits, settings.rate_limit_exempt), redis)


def unlimited() -> RateLimits:
    """No limits."""
    return RateLimits({})


def _rules(settings: RateLimitSettings) -> dict[RouteClass, Rule]:
    quotas = {
        RouteClass.REST: settings.rate_limit_rest_per_minute,
        RouteClass.GENERATE: settings.rate_limit_generate_per_minute,
        RouteClass.UPLOAD: settings.rate_limit_upload_per_hour,
        RouteClass.LOGIN: settings.rate_limit_login_per_minute,
        RouteClass.REGISTER: settings.rate_limit_register_per_minute,
    }
    return {one: replace(rule, quota=quotas[one]) for one, rule in RULES.items()}


def _limits_of(route_class: RouteClass, rule: Rule, buckets: Callable[[Policy], Buckets]) -> Limits:
    def limit(subject: str, share: float = 1.0) -> Limit:
        quota = max(1, int(rule.quota * share))
        policy = Policy(f"{route_class.value}-{subject}", quota, rule.window)
        return Limit(policy, buckets(policy))

    if rule.by_address:
        return Limits(limit("address"))
    return Limits(limit("address", ADDRESS_SHARE), limit("user"), limit("guest", GUEST_SHARE))
