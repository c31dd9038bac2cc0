"""What is left of whoever registered with an address that was not theirs.

Until an address is proven, anybody may have made the account, and have left ways in that a new
password does not close: whoever proves it first takes over an account that only they can enter.
"""

from dataclasses import dataclass

from auth_service.accounts.domain import Account
from auth_service.api_keys.repository import ApiKeys
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.factors.domain import Factor
from auth_service.factors.notices import TellOfFactors
from auth_service.factors.repository import remove_all, second_factors
from auth_service.privacy.repository import Departures
from auth_service.social.notices import TellOfLinks
from auth_service.social.repository import Identities
from auth_service.tokens.revocations import revoke
from shared.clock import Clock
from shared.db.database import Transaction


@dataclass(frozen=True, slots=True)
class EvictSquatter:
    """Remove every way in but the password, in the transaction of whoever proves the address.

    Second factors, linked accounts and API keys go, and the account is not to be erased any more.
    The owner is told, in case all of it was their own.
    """

    tell_of_factors: TellOfFactors
    tell_of_links: TellOfLinks
    clock: Clock

    async def __call__(self, tx: Transaction, owner: Account, device: Device) -> None:
        """Sessions and tickets are the caller's to end; `owner` is locked."""
        had = await second_factors(tx, owner.id)
        for kind in Factor:  # also an authenticator that was never confirmed
            await remove_all(tx, owner.id, kind)
            if kind in had and kind is not Factor.RECOVERY_CODE:
                await self.tell_of_factors.removed(tx, owner, device, kind)
        for provider in await Identities(tx).remove_all(owner.id):
            await self.tell_of_links.unlinked(tx, owner, device, provider, provider.title())
        await self._revoke_keys(tx, owner, device)
        if await Departures(tx).cancel(owner.id):
            await AuditLog(tx).add(
                Action.DELETION_CANCELLED, self.clock.now(), device, subject=owner.id
            )

    async def _revoke_keys(self, tx: Transaction, owner: Account, device: Device) -> None:
        now = self.clock.now()
        keys = await ApiKeys(tx).revoke_all(owner.id, now)
        await revoke(tx, keys, owner.id, now)
        for key in keys:
            details = {"api_key": str(key)}
            await AuditLog(tx).add(
                Action.API_KEY_REVOKED, now, device, subject=owner.id, details=details
            )
