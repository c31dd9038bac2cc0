"""Delaying whoever guesses.

    keys = delays.keys(Use.SECOND_FACTOR, str(account.id), device)
    await delays.check(keys, "code")     # raises LoginDelayed; else the try counts as failed ...
    if right:
        await delays.succeeded(keys)     # ... until it turns out that it did not fail
    # a try that could not be made at all (TooBusy): await delays.not_tried(keys)

Nothing is to be called after a failure: a try is counted before it is made, so that of any number
that come at once no more are let through than may fail.
"""

import hmac
from dataclasses import dataclass
from math import ceil
from uuid import UUID

from auth_service.delays.domain import (
    ACCOUNT,
    ADDRESS,
    GUARDED,
    KNOWN_FOR,
    PAIR,
    Key,
    Keys,
    LoginDelayed,
    Use,
    network_of,
)
from auth_service.delays.repository import Failures, networks_of
from auth_service.device import Device
from shared.clock import Clock
from shared.db.database import Database
from shared.security.principal import UserId

_GUARDED_USES = frozenset({Use.SECOND_FACTOR, Use.CONFIRM})
_NOBODY = UserId(UUID(int=0))


@dataclass(frozen=True, slots=True)
class Delays:
    """Counts failed tries, and lets the next one wait; `secret` keys the hashes of the keys."""

    database: Database
    clock: Clock
    secret: bytes

    def keys(self, use: Use, account: str, device: Device, *, at_home: bool = False) -> Keys:
        """Under what a try counts: `account` is its id, or its name as it was sent.

        `at_home` says that the account knows the address, see `is_at_home`.
        """
        network = network_of(device.address)
        by_account = self._hash(use, "account", account)
        by_address = self._hash(use, "address", network)
        by_pair = self._hash(use, "pair", account, network)
        counted = [Key(by_pair, PAIR)]
        if not at_home:
            counted.append(Key(by_account, GUARDED if use in _GUARDED_USES else ACCOUNT))
        if not at_home and network:  # else it did not come through the gateway
            counted.append(Key(by_address, ADDRESS))
        shared_with_others = tuple(key.hash for key in counted if key.hash == by_address)
        return Keys(tuple(counted), (by_account, by_pair), shared_with_others)

    async def is_at_home(self, user: UserId | None, device: Device) -> bool:
        """Whether `user` has logged in from this address in the last 90 days.

        For nobody (None) the same is asked, and takes as long.
        """
        since = self.clock.now() - KNOWN_FOR
        return network_of(device.address) in await networks_of(
            self.database.hot, user or _NOBODY, since
        )

    async def check(self, keys: Keys, field: str = "password") -> None:
        """Count a try that is about to be made; raises `LoginDelayed`, which names `field`."""
        now = self.clock.now()
        blocked_until = await Failures(self.database.hot).count(keys.counted, now)
        if blocked_until is not None:
            raise LoginDelayed.by(max(1, ceil((blocked_until - now).total_seconds())), field)

    async def succeeded(self, keys: Keys) -> None:
        """Forget the failures of the account and here; of the address's, this try alone."""
        now = self.clock.now()
        await Failures(self.database.hot).take_back(keys.forgotten, keys.taken_back, now)

    async def not_tried(self, keys: Keys) -> None:
        """Take back a try that told nobody anything, because it was not made."""
        counted = [key.hash for key in keys.counted]
        await Failures(self.database.hot).take_back([], counted, self.clock.now())

    def _hash(self, *parts: str) -> bytes:
        # A name that somebody tried is personal data, and easily guessed from a bare hash.
        message = "\0".join(parts).encode("utf-8", "surrogatepass")
        return hmac.digest(self.secret, message, "sha256")
