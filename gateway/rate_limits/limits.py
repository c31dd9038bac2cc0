"""May this request pass, and what are its client's answers to say of the limit?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_network

from gateway.headers import HeaderList
from gateway.networks import Network, address_in, is_within
from gateway.rate_limits.buckets import Buckets, Key
from gateway.rate_limits.policy import Policy
from gateway.routes import RouteClass
from shared.security.principal import Principal

_REMEMBERED = 8192
_CLIENT_PREFIX = 64
"""Bits of an IPv6 address that tell clients apart: whoever has one has all the rest of its network
(RFC 6177)."""
_UNLIMITED: HeaderList = []


@dataclass(frozen=True, slots=True)
class Limit:
    """A policy and its buckets."""

    policy: Policy
    buckets: Buckets

    def answer(self, left: float) -> HeaderList:
        """What answers carry when `left` tokens are left. Raises `RateLimited`."""
        if left < 0:
            raise self.policy.refusal(left)
        return self.policy.headers(left)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one class of routes; with none for users, all count by their address."""

    address: Limit
    user: Limit | None = None
    guest: Limit | None = None


class RateLimits:
    """The limits by class of routes; clients in the `exempt` networks have none by address.

    `check` answers at once where it can, and is followed by `ask` where it cannot::

        headers = limits.check(route.limit, caller, address)
        if headers is None:
            headers = await limits.ask(route.limit, caller, address)

    Both take a token of the client and return the headers that say so, a list that is not to be
    changed. Both raise `RateLimited`.
    """

    def __init__(
        self, limits: Mapping[RouteClass, Limits], exempt: tuple[Network, ...] = ()
    ) -> None:
        self._limits = limits
        self._client_at = _clients(exempt)

    def check(
        self, route_class: RouteClass, caller: Principal | None, address: str
    ) -> HeaderList | None:
        """Count a request by `caller`, whose token is verified, or from `address`; None when that
        takes an `ask`."""
        found = self._find(route_class, caller, address)
        if found is None:
            return _UNLIMITED
        limit, key = found
        left = limit.buckets.take(key)
        return None if left is None else limit.answer(left)

    async def ask(
        self, route_class: RouteClass, caller: Principal | None, address: str
    ) -> HeaderList:
        """Count a request that `check` could not answer for."""
        found = self._find(route_class, caller, address)
        if found is None:
            return _UNLIMITED
        limit, key = found
        return limit.answer(await limit.buckets.ask(key))

    def _find(
        self, route_class: RouteClass, caller: Principal | None, address: str
    ) -> tuple[Limit, Key] | None:
        limits = self._limits.get(route_class)
        if limits is None:
            return None
        if caller is not None:
            limit = limits.guest if caller.guest else limits.user
            if limit is not None:
                return limit, caller.id.int
        client = self._client_at(address)
        return None if client is None else (limits.address, client)


def _clients(exempt: tuple[Network, ...]) -> Callable[[str], str | None]:
    """Who is behind an address, for counting; None for those who are not counted."""

    @lru_cache(_REMEMBERED)
    def client_at(text: str) -> str | None:
        address = address_in(text)
        if address is None:
            return text
        if is_within(address, exempt):
            return None
        if isinstance(address, IPv6Address):
            return str(ip_network((int(address), _CLIENT_PREFIX), strict=False))
        return str(address)

    return client_at
