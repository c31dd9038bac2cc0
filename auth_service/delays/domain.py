"""Growing delays for whoever guesses: passwords, codes, whatever can be tried again.

Failures are counted under three keys: the account as it was named, the address, and the pair of
both. Whoever comes from an address where the account has been at home lately is judged by the
pair alone, so that nobody's failures elsewhere lock the owner out.
"""

import unicodedata
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

from shared.errors import FieldError, TooMany

FORGOTTEN_AFTER = timedelta(days=1)
"""Since the last failure."""
KNOWN_FOR = timedelta(days=90)
"""How long an address counts as one of the account's after a session began there."""
_IPV6_NETWORK_BITS = 64  # what one customer has (RFC 6177)


class Use(StrEnum):
    """What is tried; each has failures of its own."""

    LOG_IN = "log_in"
    CONFIRM = "confirm"
    """Who somebody is who has a session, by a second factor, or by the password without one."""
    CHANGE_PASSWORD = "change_password"  # noqa: S105 - the name of a use
    """Apart: the right password must not make room for guesses at the second factor."""
    SECOND_FACTOR = "second_factor"


class Rule(NamedTuple):
    """After `free` failures the next try has to wait a second, then two, four, ... `longest`."""

    free: int
    longest: timedelta


PAIR = Rule(free=5, longest=timedelta(minutes=15))
ACCOUNT = Rule(free=10, longest=timedelta(seconds=30))
"""Low, since whoever knows a name can fail under it from a thousand addresses."""
GUARDED = Rule(free=10, longest=timedelta(hours=1))
"""An account's second factor: six digits can be guessed in a month at one try each 30 seconds. Only
who knows the password or has a session can fail here, so that nobody else keeps the owner out."""
ADDRESS = Rule(free=100, longest=timedelta(seconds=60))
"""Many people share one: an office, a school, a carrier."""


class Key(NamedTuple):
    """Under what failures are counted (a keyed hash), and what they lead to."""

    hash: bytes
    rule: Rule


class Keys(NamedTuple):
    """Of one try: the keys that a failure counts for, and what a success does to them."""

    counted: tuple[Key, ...]
    forgotten: tuple[bytes, ...]
    taken_back: tuple[bytes, ...]


class LoginDelayed(TooMany):
    """Too many failures: the next try has to wait, whether it would be right or wrong."""

    code, title = "login_delayed", "Too many failed tries; wait before the next one"

    @classmethod
    def by(cls, seconds: int, field: str) -> "LoginDelayed":
        """The answer to a try that comes `seconds` too early."""
        wait = "1 second" if seconds == 1 else f"{seconds} seconds"
        return cls(
            f"Try again in {wait}.",
            errors=(FieldError(field, f"can be tried again in {wait}"),),
            headers={"retry-after": str(seconds)},
        )


def name_key(name: str) -> str:
    """What the spellings of one name have in common; whether it is anybody's does not count."""
    return unicodedata.normalize("NFKC", name.strip()).casefold()


def network_of(address: str) -> str:
    """What addresses of one customer have in common: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return f"{int(parsed) >> (128 - _IPV6_NETWORK_BITS):x}/{_IPV6_NETWORK_BITS}"
