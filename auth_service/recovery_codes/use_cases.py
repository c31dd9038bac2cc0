"""What can be done with recovery codes."""

from dataclasses import dataclass

from auth_service.accounts.repository import Accounts
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.factors.domain import Factor, NoSecondFactor
from auth_service.factors.notices import TellOfFactors
from auth_service.factors.repository import has_second_factor
from auth_service.recovery_codes.domain import CodeHasher, new_codes
from auth_service.recovery_codes.repository import RecoveryCodes
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.security.principal import Principal, UserId


@dataclass(frozen=True, slots=True)
class MakeRecoveryCodes:
    """Make new codes in place of all that there were, in the transaction of the caller."""

    hasher: CodeHasher
    clock: Clock

    async def __call__(self, tx: Transaction, owner: UserId, device: Device) -> tuple[str, ...]:
        """The codes, to be shown once."""
        codes = new_codes()
        await RecoveryCodes(tx).replace(owner, self.hasher.hashes(owner, codes))
        await AuditLog(tx).add(Action.RECOVERY_CODES_MADE, self.clock.now(), device, subject=owner)
        return codes


@dataclass(frozen=True, slots=True)
class RenewRecoveryCodes:
    """New codes for somebody who has a second factor, who is told; raises `NoSecondFactor`."""

    database: Database
    make: MakeRecoveryCodes
    tell: TellOfFactors

    async def __call__(self, caller: Principal, device: Device) -> tuple[str, ...]:
        """The codes, to be shown once."""
        async with self.database.transaction() as tx:
            owner = await Accounts(tx).lock(caller.id)
            if owner is None or not await has_second_factor(tx, caller.id):
                raise NoSecondFactor("Set up an authenticator app or a passkey first.")
            await self.tell.added(tx, owner, device, Factor.RECOVERY_CODE)
            return await self.make(tx, caller.id, device)


@dataclass(frozen=True, slots=True)
class UseRecoveryCode:
    """Use a code up, in the transaction of the caller."""

    hasher: CodeHasher
    clock: Clock

    async def __call__(self, tx: Transaction, owner: UserId, code: str, device: Device) -> bool:
        """Whether it was good; raises `Invalid` for what cannot be one."""
        now, codes = self.clock.now(), RecoveryCodes(tx)
        if not await codes.use(owner, self.hasher.hash(owner, code), now):
            return False
        details = {"left": await codes.left(owner)}
        await AuditLog(tx).add(
            Action.RECOVERY_CODE_USED, now, device, subject=owner, details=details
        )
        return True
