"""Changing the key that signs access tokens, without one request failing.

A new key is published before it signs, so that everybody knows it by then; the old one verifies
until the last token it has signed has ended. A compromised key is withdrawn at once instead.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.events import KeysChanged
from auth_service.tokens.repository import SigningKeys, StoredKey
from auth_service.tokens.seal import Seal
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.observability.logging import get_logger
from shared.security.keys import SigningKey
from shared.security.tokens import ACCESS_TOKEN_LIFETIME, CLOCK_SKEW

log = get_logger(__name__)

OVERLAP = ACCESS_TOKEN_LIFETIME + CLOCK_SKEW + timedelta(minutes=1)
"""How long an old key verifies after the new one signs; the minute is for a process of auth that
has heard of the new one late."""

NOBODY = Device()
"""Whose device the audit log names when a key is changed because it is time."""


class Rotation(NamedTuple):
    """Which key signs next and from when; `retired` are those that end because of it, at
    `retire_at`. A rotation that was under way already retires none."""

    kid: str
    signs_from: datetime
    retired: tuple[str, ...] = ()
    retire_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RotateKeys:
    """Make the next key; `published_ahead` is how long others have to learn of it."""

    database: Database
    seal: Seal
    published_ahead: timedelta
    clock: Clock
    device: Device = NOBODY

    async def __call__(self) -> Rotation:
        """Rotate; while a new key is published and does not sign yet, that one is the next."""
        async with self.database.transaction() as tx:
            newest = await self._newest(tx)
            now = self.clock.now()
            if newest is not None and newest.signs_from > now:
                return Rotation(newest.kid, newest.signs_from)
            return await self._add(tx, now + self.published_ahead if newest else now, OVERLAP)

    async def if_older_than(self, age: timedelta) -> Rotation | None:
        """Rotate when the newest key has signed for `age`; of many processes, one does."""
        async with self.database.transaction() as tx:
            newest, now = await self._newest(tx), self.clock.now()
            if newest is None or now - newest.signs_from < age:
                return None
            return await self._add(tx, now + self.published_ahead, OVERLAP)

    async def withdraw(self) -> Rotation:
        """Accept nothing more that any key until now has signed; a new one signs at once."""
        async with self.database.transaction() as tx:
            await self._newest(tx)
            return await self._add(tx, self.clock.now(), timedelta(0))

    async def _newest(self, tx: Transaction) -> StoredKey | None:
        """The key that signs last, once nobody else changes keys; raises `WrongSecret`, so that no
        key is added that the running processes cannot open."""
        await SigningKeys(tx).lock()
        stored = await SigningKeys(tx).unretired(self.clock.now())
        if not stored:
            return None
        self.seal.open(stored[-1].kid, stored[-1].sealed)
        return stored[-1]

    async def _add(self, tx: Transaction, signs_from: datetime, overlap: timedelta) -> Rotation:
        key, retire_at = SigningKey.generate(), signs_from + overlap
        await SigningKeys(tx).add(StoredKey(key.kid, self.seal.close(key), signs_from))
        retired = tuple(await SigningKeys(tx).retire_others(key.kid, retire_at))
        details = {"kid": key.kid, "retired": retired, "at_once": not overlap}
        await AuditLog(tx).add(
            Action.KEY_ROTATED, self.clock.now(), self.device, subject=None, details=details
        )
        tx.announce(KeysChanged(key.kid, signs_from))
        log.info("keys_rotated", kid=key.kid, signs_from=signs_from, retired=retired)
        return Rotation(key.kid, signs_from, retired, retire_at)
