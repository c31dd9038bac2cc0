"""Coming in as a guest, and what becomes of guests."""

from dataclasses import dataclass

from auth_service.accounts.repository import Accounts
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.events import GuestCreated
from auth_service.guests.domain import new_guest
from auth_service.sessions.domain import Method
from auth_service.sessions.use_cases import LoggedIn, StartSession
from shared.clock import Clock
from shared.db.database import Database


@dataclass(frozen=True, slots=True)
class ComeInAsGuest:
    """Make a guest and start their session."""

    database: Database
    start_session: StartSession
    clock: Clock

    async def __call__(self, device: Device) -> LoggedIn:
        """The first pair of tokens; the access token says that its owner is a guest."""
        now = self.clock.now()
        async with self.database.transaction() as tx:
            guest = new_guest(now)
            while not await Accounts(tx).add(guest, None):  # somebody has that very handle
                guest = new_guest(now)
            await AuditLog(tx).add(Action.GUEST_CREATED, now, device, subject=guest.id)
            tx.announce(GuestCreated(guest.id, now))
            return await self.start_session(tx, guest, device, (Method.GUEST,))
