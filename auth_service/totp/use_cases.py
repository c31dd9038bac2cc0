"""What can be done with authenticator apps."""

from dataclasses import dataclass

from auth_service.accounts.domain import Account, AccountGone
from auth_service.accounts.repository import Accounts
from auth_service.device import Device
from auth_service.factors.domain import Factor
from auth_service.factors.notices import TellOfFactors
from auth_service.factors.repository import has_second_factor, remove_all
from auth_service.recovery_codes.use_cases import MakeRecoveryCodes
from auth_service.sessions.domain import Method
from auth_service.sessions.repository import Sessions
from auth_service.sessions.use_cases import require_session
from auth_service.totp.domain import (
    TotpActive,
    TotpNotFound,
    checked_code,
    enrolment_uri,
    new_secret,
    step_of,
)
from auth_service.totp.repository import Authenticators
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.errors import FieldError, Invalid
from shared.security.box import Box
from shared.security.principal import Principal, UserId


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an app needs, as text and as the content of a QR code."""

    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class BeginTotp:
    """Make a secret for an app; it counts once a code of it has come. Raises `TotpActive`."""

    database: Database
    box: Box
    issuer: str
    clock: Clock

    async def __call__(self, caller: Principal) -> Enrolment:
        """The secret, shown here alone; one that was never confirmed is forgotten."""
        account = await Accounts(self.database).find(caller.id)
        if account is None:
            raise AccountGone
        secret = new_secret()
        sealed = self.box.close(secret.encode(), caller.id.bytes)
        if not await Authenticators(self.database).begin(caller.id, sealed, self.clock.now()):
            raise TotpActive("Remove it with DELETE /api/auth/factors/totp before you add another.")
        return Enrolment(secret, enrolment_uri(secret, _name_of(account), self.issuer))


@dataclass(frozen=True, slots=True)
class ConfirmTotp:
    """Make an app count; raises `TotpNotFound`, `TotpActive`, and `Invalid` for a wrong code."""

    database: Database
    box: Box
    make_codes: MakeRecoveryCodes
    tell: TellOfFactors
    clock: Clock

    async def __call__(self, caller: Principal, text: str, device: Device) -> tuple[str, ...]:
        """Recovery codes, to be shown once; the older ones are of no use any more."""
        code, now = checked_code(text), self.clock.now()
        async with self.database.transaction() as tx:
            account = await Accounts(tx).lock(caller.id)
            if account is None:
                raise AccountGone
            await require_session(tx, caller)
            found = await Authenticators(tx).lock(caller.id)
            if found is None:
                raise TotpNotFound("Begin with POST /api/auth/factors/totp.")
            if found.confirmed_at is not None:
                raise TotpActive
            secret = self.box.open(found.sealed_secret, caller.id.bytes).decode()
            step = step_of(secret, code, now, found.last_step)
            if step is None:
                message = "is not what the app shows now; is the clock of its device right?"
                raise Invalid(errors=(FieldError("code", message),))
            await Authenticators(tx).confirm(caller.id, step, now)
            await self.tell.added(tx, account, device, Factor.TOTP)
            await Sessions(tx).authenticate(caller.session_id, (Method.OTP,), now)
            return await self.make_codes(tx, caller.id, device)


@dataclass(frozen=True, slots=True)
class RemoveTotp:
    """Forget an app; raises `TotpNotFound`."""

    database: Database
    tell: TellOfFactors

    async def __call__(self, caller: Principal, device: Device) -> None:
        """Recovery codes go with the last factor that they stand in for."""
        async with self.database.transaction() as tx:
            account = await Accounts(tx).lock(caller.id)
            if account is None:
                raise AccountGone
            if not await Authenticators(tx).remove(caller.id):
                raise TotpNotFound
            await self.tell.removed(tx, account, device, Factor.TOTP)
            if not await has_second_factor(tx, caller.id):
                await remove_all(tx, caller.id, Factor.RECOVERY_CODE)


@dataclass(frozen=True, slots=True)
class UseTotp:
    """Use the code of an app up, in the transaction of the caller."""

    box: Box
    clock: Clock

    async def __call__(self, tx: Transaction, owner: UserId, text: str) -> bool:
        """Whether it was good: of a step near now, none of whose codes or later has been used."""
        code = checked_code(text)
        found = await Authenticators(tx).lock(owner)
        if found is None or found.confirmed_at is None:
            return False
        secret = self.box.open(found.sealed_secret, owner.bytes).decode()
        step = step_of(secret, code, self.clock.now(), found.last_step)
        return step is not None and await Authenticators(tx).use(owner, step)


def _name_of(account: Account) -> str:
    return account.email or account.handle
