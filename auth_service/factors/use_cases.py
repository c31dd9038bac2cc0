"""All factors of an account at once."""

from dataclasses import dataclass

from auth_service.accounts.repository import Accounts
from auth_service.administration.domain import NotYourself, UserNotFound
from auth_service.device import Device
from auth_service.factors.domain import Factor
from auth_service.factors.notices import TellOfFactors
from auth_service.factors.repository import remove_all, second_factors
from auth_service.passkeys.domain import Passkey
from auth_service.passkeys.repository import Passkeys
from auth_service.recovery_codes.repository import RecoveryCodes
from auth_service.sessions.use_cases import EndSessions
from auth_service.totp.domain import Authenticator
from auth_service.totp.repository import Authenticators
from shared.db.database import Database
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
    """Take all factors from somebody else, who has lost them; raises `UserNotFound`, `NotYourself`.

    What was lost may be logged in still, so that all sessions end. The owner is told. What else
    lets them in, a password or a linked log-in, is left as it is.
    """

    database: Database
    tell: TellOfFactors
    end_sessions: EndSessions

    async def __call__(self, actor: UserId, user: UserId, device: Device) -> None:
        """An account that has none is left alone."""
        if actor == user:
            raise NotYourself("Remove your own with DELETE /api/auth/factors/totp and …/passkeys.")
        async with self.database.transaction() as tx:
            owner = await Accounts(tx).lock(user)
            if owner is None:
                raise UserNotFound
            had = await second_factors(tx, user)
            for kind in Factor:
                await remove_all(tx, user, kind)
                if kind in had and kind is not Factor.RECOVERY_CODE:
                    await self.tell.removed(tx, owner, device, kind, actor=actor)
            if had:
                await self.end_sessions.all(tx, user, "factors_removed")
