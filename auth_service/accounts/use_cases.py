"""What can be done with accounts."""

from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError

from auth_service.accounts.domain import Account, AccountGone, EmailTaken, HandleTaken, Registration
from auth_service.accounts.passwords import Passwords
from auth_service.accounts.repository import Accounts, Taken
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.events import UserRegistered
from auth_service.guests.use_cases import RegisterGuest
from auth_service.recovery.send_link import SendLink
from auth_service.tickets.domain import Purpose
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.db.executor import Executor
from shared.errors import Conflict, FieldError
from shared.ids import uuid7
from shared.security.principal import Principal, UserId


@dataclass(frozen=True, slots=True)
class RegisterAccount:
    """Make an account and announce it; raises `EmailTaken` or `HandleTaken`.

    A link to confirm the address is on its way. `guest` is the hash of the refresh token of the
    guest whose account it becomes, if one registers; raises `Invalid` when it is none.
    """

    database: Database
    passwords: Passwords
    register_guest: RegisterGuest
    send_link: SendLink
    clock: Clock

    async def __call__(
        self, registration: Registration, device: Device, guest: bytes | None = None
    ) -> Account:
        """The new account."""
        password_hash = await self.passwords.hash(registration.password)
        account = Account(
            id=UserId(uuid7()),
            email=registration.email,
            handle=registration.handle,
            roles=(),
            created_at=self.clock.now(),
        )
        try:
            async with self.database.transaction() as tx:
                return await self._register(tx, account, password_hash, device, guest)
        except IntegrityError as error:  # of a guest's row, which is there already
            raise _conflict(await _taken(self.database, account)) from error

    async def _register(
        self,
        tx: Transaction,
        account: Account,
        password_hash: str,
        device: Device,
        guest: bytes | None,
    ) -> Account:
        now, revision = account.created_at, 1
        if guest is not None:
            account, revision = await self.register_guest(tx, guest, account, password_hash, device)
        elif not await Accounts(tx).add(account, password_hash):
            raise _conflict(await _taken(tx, account))
        await AuditLog(tx).add(Action.REGISTERED, now, device, subject=account.id)
        await self.send_link(tx, Purpose.VERIFY_EMAIL, account, device)
        tx.announce(UserRegistered(account.id, account.handle, now, revision))
        return account


@dataclass(frozen=True, slots=True)
class ReadAccount:
    """The caller's own account; raises `AccountGone`."""

    database: Database

    async def __call__(self, caller: Principal) -> Account:
        """The account as it is now."""
        account = await Accounts(self.database.hot).find(caller.id)
        if account is None:
            raise AccountGone
        return account


async def _taken(executor: Executor, account: Account) -> Taken:
    return await Accounts(executor).taken(account.email or "", account.handle)


def _conflict(taken: Taken) -> Conflict:
    errors = []
    if taken.email:
        errors.append(FieldError("email", "is already registered"))
    if taken.handle:
        errors.append(FieldError("user_handle", "is already taken"))
    kind = EmailTaken if taken.email else HandleTaken
    return kind(errors=tuple(errors))
