"""Asking for deletion, and erasing a person."""

from dataclasses import dataclass

from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.events import UserDeleted
from auth_service.privacy.repository import Departures
from auth_service.removals.repository import Removals
from auth_service.sessions.use_cases import EndSessions
from auth_service.tokens.revocations import revoke
from shared.clock import Clock
from shared.db.database import Transaction
from shared.ids import uuid7
from shared.security.principal import UserId

_NOWHERE = Device()


@dataclass(frozen=True, slots=True)
class EraseUser:
    """Erase an account and everything that is known of its owner, in the caller's transaction.

    From the commit on no token of theirs is accepted, every other service erases what it knows
    (`UserDeleted`), and their files go. The audit log keeps what happened, of nobody.
    """

    end_sessions: EndSessions
    clock: Clock

    async def __call__(
        self,
        tx: Transaction,
        user: UserId,
        device: Device = _NOWHERE,
        *,
        actor: UserId | None = None,
        inherited: bool = False,
    ) -> bool:
        """Whether there was such an account.

        `actor` is who erases somebody else, from `device`. `inherited`: what the account owned in
        other services is somebody else's by now, so that nobody is told to erase it.
        """
        departures, now = Departures(tx), self.clock.now()
        traces = await departures.lock(user)
        if traces is None:
            return False
        await self.end_sessions.all(tx, user, "erased")
        await revoke(tx, traces.api_keys, user, now)
        await Removals(tx).note(traces.files, now)
        await departures.delete(user)
        pseudonym = UserId(uuid7())
        await departures.pseudonymise(user, pseudonym)
        # noted last, since an entry of an actor keeps the address from which they acted
        await AuditLog(tx).add(Action.ERASED, now, device, subject=pseudonym, actor=actor)
        if not inherited:
            tx.announce(UserDeleted(user, now))
        return True
