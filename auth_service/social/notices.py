"""Telling a user, and the audit log, of one more way in to their account, or one less."""

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
class TellOfLinks:
    """Notes in the transaction of the caller, and writes to the owner, if they have an address."""

    write_letter: WriteLetter
    clock: Clock

    async def linked(
        self, tx: Transaction, owner: Account, device: Device, details: dict[str, str], label: str
    ) -> None:
        """An account at the provider that people know as `label` was linked to `owner`'s."""
        action, template = Action.IDENTITY_LINKED, Template.IDENTITY_LINKED
        await self._tell(tx, owner, device, action, template, details, label)

    async def unlinked(
        self, tx: Transaction, owner: Account, device: Device, provider: str, label: str
    ) -> None:
        """It is `owner`'s no more."""
        action, template = Action.IDENTITY_UNLINKED, Template.IDENTITY_UNLINKED
        await self._tell(tx, owner, device, action, template, {"provider": provider}, label)

    async def _tell(
        self,
        tx: Transaction,
        owner: Account,
        device: Device,
        action: Action,
        template: Template,
        details: dict[str, str],
        label: str,
    ) -> None:
        await AuditLog(tx).add(action, self.clock.now(), device, subject=owner.id, details=details)
        if owner.email is not None:
            values = {"handle": owner.handle, "provider": label, **circumstances(device)}
            letter = Letter(template, owner.email, device.languages, values)
            await self.write_letter(tx, letter, owner.id)
