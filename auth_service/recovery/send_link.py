"""Sending somebody a link that proves that they read mails to their address."""

from dataclasses import dataclass

from auth_service.accounts.domain import Account
from auth_service.device import Device
from auth_service.mail.domain import Letter, Template, circumstances
from auth_service.mail.use_cases import WriteLetter
from auth_service.recovery.domain import LIFETIMES, Links
from auth_service.tickets.domain import Purpose
from auth_service.tickets.repository import Tickets
from shared.clock import Clock
from shared.db.database import Transaction
from shared.ids import uuid7
from shared.security.principal import UserId

_TEMPLATES = {
    Purpose.VERIFY_EMAIL: Template.VERIFY_EMAIL,
    Purpose.RESET_PASSWORD: Template.RESET_PASSWORD,
}


@dataclass(frozen=True, slots=True)
class SendLink:
    """Write a letter with a link to an account's own address; older links are withdrawn.

    To nobody (None) the same is done with a link that leads nowhere, in a letter that is dropped:
    neither the answer nor its time tells who has an account.
    """

    write_letter: WriteLetter
    links: Links
    clock: Clock

    async def __call__(
        self, tx: Transaction, purpose: Purpose, account: Account | None, device: Device
    ) -> None:
        """As a part of `tx`."""
        user = account.id if account else None
        address = (account.email if account else None) or ""
        await Tickets(tx).withdraw(purpose, user or nobody())
        token = await Tickets(tx).issue(
            purpose, user, self.clock.now(), LIFETIMES[purpose], {"email": address}
        )
        values = {
            "handle": account.handle if account else "nobody",
            "link": self.links.to(purpose, token),
            **circumstances(device),
        }
        letter = Letter(_TEMPLATES[purpose], address, device.languages, values)
        await self.write_letter(tx, letter, user, LIFETIMES[purpose])


def nobody() -> UserId:
    """An id that no user has, to ask about."""
    return UserId(uuid7())
