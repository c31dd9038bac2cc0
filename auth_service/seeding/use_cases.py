"""Making test users."""

from dataclasses import dataclass

from auth_service.accounts.passwords import Passwords
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.events import UserRegistered
from auth_service.seeding.domain import PASSWORD, PEOPLE
from auth_service.seeding.repository import save
from shared.clock import Clock
from shared.db.database import Database


@dataclass(frozen=True, slots=True)
class SeedUsers:
    """Let all test people exist and log in, however often it is done and whatever they did."""

    database: Database
    passwords: Passwords
    clock: Clock

    async def __call__(self) -> int:
        """How many were new."""
        now, made = self.clock.now(), 0
        for person in PEOPLE:
            hashed = await self.passwords.hash(PASSWORD)
            async with self.database.transaction() as tx:
                user, is_new = await save(tx, person, hashed, now)
                if is_new:
                    made += 1
                    await AuditLog(tx).add(Action.REGISTERED, now, Device(), subject=user)
                    tx.announce(UserRegistered(user, person.handle, now))
        return made
