"""All factors of an account at once."""

from dataclasses import dataclass

from auth_service.accounts.domain import Account
from auth_service.accounts.repository import Accounts
from auth_service.device import Device
from auth_service.factors.domain import Factor
from auth_service.factors.notices import TellOfFactors
from auth_service.factors.repository import remove_all, second_factors
from auth_service.passkeys.domain import Passkey
from auth_service.passkeys.repository import Passkeys
from auth_service.recovery_codes.repository import RecoveryCodes
from auth_service.totp.domain import Authenticator
from auth_service.totp.repository import Authenticators
from shared.db.database import Database, Transaction
from shared.security.principal import Principal, UserId


@dataclass(frozen=True, slots=True)
class Factors:
    """What an account has beside its password."""

    totp: Authenticator | None
    passkeys: tuple[Passkey, ...]
    recovery_codes_left: int


@dataclass(frozen=True, slots=True)
class ListFactors:
    """The caller's factors, without any secret."""

    database: Database

    async def __call__(self, caller: Principal) -> Factors:
        """All of them; an authenticator that was never confirmed is none."""
        found = await Authenticators(self.database).find(caller.id)
        return Factors(
            found if found and found.confirmed_at else None,
            tuple(await Passkeys(self.database).of_user(caller.id)),
            await RecoveryCodes(self.database).left(caller.id),
        )


@dataclass(frozen=True, slots=True)
class RemoveFactors:
    """Take all factors from somebody who has lost them, in the transaction of the caller.

    The owner is told. What else lets them in, a password or a social log-in, is left as it is.
    """

    tell: TellOfFactors

    async def __call__(
        self, tx: Transaction, owner: Account, actor: UserId, device: Device
    ) -> tuple[Factor, ...]:
        """The kinds that were there."""
        await Accounts(tx).lock(owner.id)
        had = await second_factors(tx, owner.id)
        for kind in Factor:
            await remove_all(tx, owner.id, kind)
            if kind in had and kind is not Factor.RECOVERY_CODE:
                await self.tell.removed(tx, owner, device, kind, actor=actor)
        return had
