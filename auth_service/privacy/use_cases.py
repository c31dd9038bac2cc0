"""Asking for deletion, and erasing a person."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from auth_service.accounts import handles
from auth_service.accounts.domain import Account, AccountGone
from auth_service.accounts.repository import Accounts
from auth_service.administration.use_cases import require_other_admin
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.events import UserDeleted
from auth_service.mail.domain import Letter, Template, circumstances
from auth_service.mail.use_cases import WriteLetter
from auth_service.privacy.domain import DeletionNotAsked
from auth_service.privacy.repository import Departures
from auth_service.removals.repository import Removals
from auth_service.sessions.use_cases import EndSessions
from auth_service.tokens.revocations import revoke
from shared.clock import Clock
from shared.db.away import DatabaseAway
from shared.db.database import Database, Transaction
from shared.errors import FieldError, Invalid
from shared.ids import uuid7
from shared.observability.logging import get_logger
from shared.security.principal import Principal, UserId

log = get_logger(__name__)

SECONDS_BETWEEN_LOOKS = 60.0
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


@dataclass(frozen=True, slots=True)
class AskForDeletion:
    """Have an account erased after `grace`; its other sessions end at once.

    API keys go with the account: those of somebody who stays after all could not be given back.
    `due_now` is called when there is no grace.
    """

    database: Database
    end_sessions: EndSessions
    write_letter: WriteLetter
    clock: Clock
    grace: timedelta
    due_now: Callable[[], None]

    async def __call__(self, caller: Principal, handle: str | None, device: Device) -> datetime:
        """When the account will be erased, or was to be before.

        Raises `Invalid`, `AccountGone` and `LastAdmin`.
        """
        now = self.clock.now()
        due = now + self.grace
        async with self.database.transaction() as tx:
            account = await Accounts(tx).find(caller.id)
            if account is None:
                raise AccountGone
            if handle is not None and handles.key(handle) != handles.key(account.handle):
                message = "is not the handle of this account; leave it out or write it as it is"
                raise Invalid(errors=(FieldError("user_handle", message),))
            await require_other_admin(tx, account)
            if not await Departures(tx).ask(caller.id, due):
                return account.deletion_due_at or due
            await self.end_sessions.all(tx, caller.id, "deletion", kept=caller.session_id)
            await AuditLog(tx).add(Action.DELETION_ASKED, now, device, subject=caller.id)
            if self.grace:
                await self._tell(tx, account, due, device)
            else:
                tx.once_committed(self.due_now)
        return due

    async def _tell(self, tx: Transaction, owner: Account, due: datetime, device: Device) -> None:
        if owner.email is not None:
            values = {"handle": owner.handle, "due": f"{due:%Y-%m-%d}", **circumstances(device)}
            letter = Letter(Template.DELETION_ASKED, owner.email, device.languages, values)
            await self.write_letter(tx, letter, owner.id)


@dataclass(frozen=True, slots=True)
class CancelDeletion:
    """Keep an account that was to be erased; raises `DeletionNotAsked`."""

    database: Database
    clock: Clock

    async def __call__(self, user: UserId, device: Device) -> None:
        """It stays."""
        async with self.database.transaction() as tx:
            if not await Departures(tx).cancel(user):
                if await Accounts(tx).find(user) is None:
                    raise AccountGone
                raise DeletionNotAsked
            await AuditLog(tx).add(
                Action.DELETION_CANCELLED, self.clock.now(), device, subject=user
            )


@dataclass(frozen=True, slots=True)
class EraseDue:
    """Erase everybody whose time has come, each in a transaction; several processes share them."""

    database: Database
    erase: EraseUser
    clock: Clock

    async def __call__(self) -> int:
        """How many were erased. One who cannot be does not hold up the others."""
        erased, failed = 0, set[UserId]()
        while True:
            user: UserId | None = None
            try:
                async with self.database.transaction() as tx:
                    user = await Departures(tx).next_due(self.clock.now(), failed)
                    if user is None:
                        return erased
                    await self.erase(tx, user)
                erased += 1
                log.info("person_erased")
            except DatabaseAway:
                raise
            except Exception:
                if user is None:
                    raise
                log.exception("person_not_erased", user_id=str(user))
                failed.add(user)
