"""Telling a user, and the audit log, that there is one more way in to their account."""

from dataclasses import dataclass

from auth_service.accounts.domain import Account
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.mail.domain import Letter, Template, circumstances
from auth_service.mail.use_cases import WriteLetter
from shared.clock import Clock
from shared.db.database import Transaction


@dataclass(frozen=True, slots=True)
class TellOfLink:
    """Notes in the transaction of the caller, and writes to the owner, if they have an address."""

    write_letter: WriteLetter
    clock: Clock

    async def __call__(
        self, tx: Transaction, owner: Account, device: Device, details: dict[str, str], label: str
    ) -> None:
        """An account at the provider that people know as `label` was linked to `owner`'s."""
        await AuditLog(tx).add(
            Action.IDENTITY_LINKED, self.clock.now(), device, subject=owner.id, details=details
        )
        if owner.email is not None:
            values = {"handle": owner.handle, "provider": label, **circumstances(device)}
            letter = Letter(Template.IDENTITY_LINKED, owner.email, device.languages, values)
            await self.write_letter(tx, letter, owner.id)
