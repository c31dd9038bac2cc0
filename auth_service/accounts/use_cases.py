"""What can be done with accounts."""

from dataclasses import dataclass

from auth_service.accounts.domain import Account, AccountGone, EmailTaken, HandleTaken, Registration
from auth_service.accounts.passwords import Passwords
from auth_service.accounts.repository import Accounts, Taken
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.events import UserRegistered
from auth_service.recovery.send_link import SendLink
from auth_service.tickets.domain import Purpose
from shared.clock import Clock
from shared.db.database import Database
from shared.errors import Conflict, FieldError
from shared.ids import uuid7
from shared.security.principal import Principal, UserId


@dataclass(frozen=True, slots=True)
class RegisterAccount:
    """Make an account and announce it; raises `EmailTaken` or `HandleTaken`.

    A link to confirm the address is on its way.
    """

    database: Database
    passwords: Passwords
    send_link: SendLink
    clock: Clock

    async def __call__(self, registration: Registration, device: Device) -> Account:
        """The new account."""
        password_hash = await self.passwords.hash(registration.password)
        account = Account(
            id=UserId(uuid7()),
            email=registration.email,
            handle=registration.handle,
            roles=(),
            created_at=self.clock.now(),
        )
        async with self.database.transaction() as tx:
            if not await Accounts(tx).add(account, password_hash):
                raise _conflict(await Accounts(tx).taken(registration.email, registration.handle))
            await AuditLog(tx).add(
                Action.REGISTERED, account.created_at, device, subject=account.id
            )
            await self.send_link(tx, Purpose.VERIFY_EMAIL, account, device)
            tx.announce(UserRegistered(account.id, account.handle, account.created_at))
        return account


@dataclass(frozen=True, slots=True)
class ReadAccount:
    """The caller's own account; raises `AccountGone`."""

    database: Database

    async def __call__(self, caller: Principal) -> Account:
        """The account as it is now."""
        account = await Accounts(self.database).find(caller.id)
        if account is None:
            raise AccountGone
        return account


def _conflict(taken: Taken) -> Conflict:
    errors = []
    if taken.email:
        errors.append(FieldError("email", "is already registered"))
    if taken.handle:
        errors.append(FieldError("user_handle", "is already taken"))
    kind = EmailTaken if taken.email else HandleTaken
    return kind(errors=tuple(errors))
