"""Proving that an e-mail address is one's own."""

from dataclasses import dataclass

from auth_service.accounts.domain import Account
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.mail.domain import REMEMBERED_FOR, Template, next_letter_at
from auth_service.mail.repository import Mails
from auth_service.recovery.even_steps import in_even_steps
from auth_service.recovery.repository import Addresses
from auth_service.recovery.send_link import SendLink, nobody
from auth_service.tickets.domain import Purpose, TicketInvalid
from auth_service.tickets.repository import Tickets
from shared.clock import Clock
from shared.db.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class VerifyEmail:
    """Use up the link of a mail; raises `TicketInvalid`, also when the address is another now."""

    database: Database
    clock: Clock

    async def __call__(self, token: str, device: Device) -> None:
        """The address is proven."""
        now = self.clock.now()
        async with self.database.transaction() as tx:
            ticket = await Tickets(tx).redeem(Purpose.VERIFY_EMAIL, token, now)
            user = ticket.user_id
            if user is None or not await Addresses(tx).verify(user, ticket.data["email"], now):
                raise TicketInvalid
            await AuditLog(tx).add(Action.EMAIL_VERIFIED, now, device, subject=user)


@dataclass(frozen=True, slots=True)
class ResendVerification:
    """Send the link once more, if there is an account that needs it and did not get one just now.

    Nobody is told which of these it was.
    """

    database: Database
    send_link: SendLink
    clock: Clock

    async def __call__(self, email: str, device: Device) -> None:
        """A letter is written, perhaps to nobody."""
        async with in_even_steps(self.clock), self.database.transaction() as tx:
            await Addresses(tx).lock(email)
            owner = await Addresses(tx).owner(email)
            if owner is not None and (owner.email_verified or owner.suspended):
                owner = None
            reader = await unless_too_soon(tx, owner, Template.VERIFY_EMAIL, self.clock)
            await self.send_link(tx, Purpose.VERIFY_EMAIL, reader, device)


async def unless_too_soon(
    tx: Transaction, account: Account | None, template: Template, clock: Clock
) -> Account | None:
    """The account, if it may get one more such letter; to ask for nobody takes the same time."""
    now = clock.now()
    user = account.id if account else nobody()
    written = await Mails(tx).written_to(user, [template], now - REMEMBERED_FOR)
    return account if next_letter_at(written, now) == now else None
