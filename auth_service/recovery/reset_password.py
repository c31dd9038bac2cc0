"""A new password for whoever has forgotten the old one."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime

from auth_service.accounts import password_rules
from auth_service.accounts.domain import Account, AccountSuspended
from auth_service.accounts.passwords import Passwords
from auth_service.accounts.repository import Accounts
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.delays.domain import Use, name_key
from auth_service.delays.repository import Failures
from auth_service.delays.use_cases import Delays
from auth_service.device import Device
from auth_service.mail.domain import Letter, Template, circumstances
from auth_service.mail.use_cases import WriteLetter
from auth_service.recovery.even_steps import in_even_steps
from auth_service.recovery.repository import Addresses
from auth_service.recovery.send_link import SendLink
from auth_service.recovery.squatters import EvictSquatter
from auth_service.recovery.verify_email import unless_too_soon
from auth_service.sessions.use_cases import EndSessions
from auth_service.tickets.domain import Purpose, Ticket, TicketInvalid
from auth_service.tickets.repository import Tickets
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.db.executor import Executor
from shared.errors import FieldError, Invalid


@dataclass(frozen=True, slots=True)
class AskForReset:
    """Send a link for a new password, if somebody has that address; nobody is told whether."""

    database: Database
    send_link: SendLink
    clock: Clock

    async def __call__(self, email: str, device: Device) -> None:
        """A letter is written, perhaps to nobody."""
        async with in_even_steps(self.clock), self.database.transaction() as tx:
            await Addresses(tx).lock(email)
            owner = await Addresses(tx).owner(email)
            subject = owner.id if owner else None
            if owner is not None and owner.suspended:
                owner = None
            reader = await unless_too_soon(tx, owner, Template.RESET_PASSWORD, self.clock)
            await self.send_link(tx, Purpose.RESET_PASSWORD, reader, device)
            await AuditLog(tx).add(
                Action.PASSWORD_RESET_ASKED, self.clock.now(), device, subject=subject
            )


@dataclass(frozen=True, slots=True)
class ResetPassword:
    """Use up the link of a mail for a new password, which ends every session.

    Raises `TicketInvalid`; `Invalid`, with every rule that the password breaks, which leaves the
    link as it is; `AccountSuspended` and `TooBusy`. Second factors stay as they are, unless this is
    the first proof of the address.
    """

    database: Database
    passwords: Passwords
    breached: Container[str]
    end_sessions: EndSessions
    delays: Delays
    write_letter: WriteLetter
    evict_squatter: EvictSquatter
    clock: Clock

    async def __call__(self, token: str, password: str, device: Device) -> None:
        """The new password counts."""
        ticket = await Tickets(self.database).find(Purpose.RESET_PASSWORD, token, self.clock.now())
        owner = await _owner(self.database, ticket)
        self._check(password, owner)
        password_hash = await self.passwords.hash(password)
        now = self.clock.now()
        async with self.database.transaction() as tx:
            await Accounts(tx).lock(owner.id)  # log-ins under way wait, and then see it
            ticket = await Tickets(tx).redeem(Purpose.RESET_PASSWORD, token, now)
            owner = await _owner(tx, ticket)
            if not await Addresses(tx).verify(owner.id, ticket.data["email"], now):
                raise TicketInvalid
            await Addresses(tx).set_password(owner.id, password_hash)
            await Tickets(tx).withdraw_all(owner.id)  # whatever somebody has begun with the old one
            if not owner.email_verified:
                await self.evict_squatter(tx, owner, device)
            await self.end_sessions.all(tx, owner.id, "password_reset")
            await self._forget_failures(tx, owner, device, now)
            await self._tell(tx, owner, device)
            await AuditLog(tx).add(Action.PASSWORD_RESET, now, device, subject=owner.id)

    def _check(self, password: str, owner: Account) -> None:
        names = [owner.handle, *([owner.email] if owner.email else [])]
        broken = [
            FieldError("password", rule)
            for rule in password_rules.mistakes(password, self.breached, names)
        ]
        if broken:
            raise Invalid(errors=tuple(broken))

    async def _forget_failures(
        self, tx: Transaction, owner: Account, device: Device, now: datetime
    ) -> None:
        names = [owner.handle, *([owner.email] if owner.email else [])]
        keys = [self.delays.keys(Use.LOG_IN, name_key(name), device) for name in names]
        await Failures(tx).take_back([key for one in keys for key in one.forgotten], [], now)

    async def _tell(self, tx: Transaction, owner: Account, device: Device) -> None:
        values = {"handle": owner.handle, **circumstances(device)}
        letter = Letter(Template.PASSWORD_CHANGED, owner.email or "", device.languages, values)
        await self.write_letter(tx, letter, owner.id)


async def _owner(executor: Executor, ticket: Ticket) -> Account:
    account = await Accounts(executor).find(ticket.user_id) if ticket.user_id else None
    if account is None:
        raise TicketInvalid
    if account.suspended:
        raise AccountSuspended
    return account
