"""Telling a user, and the audit log, that their factors have changed."""

from dataclasses import dataclass

from auth_service.accounts.domain import Account
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.factors.domain import Factor
from auth_service.mail.domain import Letter, Template, circumstances
from auth_service.mail.use_cases import WriteLetter
from shared.clock import Clock
from shared.db.database import Transaction
from shared.security.principal import UserId


@dataclass(frozen=True, slots=True)
class TellOfFactors:
    """Notes in the transaction of the caller, and writes to the owner, if they have an address."""

    write_letter: WriteLetter
    clock: Clock

    async def added(self, tx: Transaction, owner: Account, device: Device, kind: Factor) -> None:
        """`owner` has one more factor."""
        await self._tell(tx, owner, device, kind, Action.FACTOR_ADDED, Template.FACTOR_ADDED, None)

    async def removed(
        self,
        tx: Transaction,
        owner: Account,
        device: Device,
        kind: Factor,
        *,
        actor: UserId | None = None,
    ) -> None:
        """`owner` has one less, taken away by `actor` when that is somebody else."""
        action, template = Action.FACTOR_REMOVED, Template.FACTOR_REMOVED
        await self._tell(tx, owner, device, kind, action, template, actor)

    async def _tell(
        self,
        tx: Transaction,
        owner: Account,
        device: Device,
        kind: Factor,
        action: Action,
        template: Template,
        actor: UserId | None,
    ) -> None:
        details = {"factor": kind}
        await AuditLog(tx).add(
            action, self.clock.now(), device, subject=owner.id, actor=actor, details=details
        )
        if owner.email is not None:
            # from where an administrator did it is not the owner's to know
            languages, told = (
                (owner.language, {}) if actor else (device.languages, circumstances(device))
            )
            letter = Letter(template, owner.email, languages, {"factor": kind, **told})
            await self.write_letter(tx, letter, owner.id)
