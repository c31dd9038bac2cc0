"""Logging in with a passkey alone."""

from dataclasses import dataclass

from auth_service.accounts.repository import Accounts
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.factors.domain import ChallengeInvalid
from auth_service.passkeys.credentials import UsedCredential
from auth_service.passkeys.domain import PasskeyRefused, WrongOrigin, WrongPasskey
from auth_service.passkeys.using import UsePasskey
from auth_service.sessions.domain import Method
from auth_service.sessions.log_in import Admit
from auth_service.sessions.use_cases import LoggedIn
from auth_service.tickets.domain import Purpose
from shared.clock import Clock
from shared.db.database import Database
from shared.errors import Problem
from shared.security.principal import UserId


@dataclass(frozen=True, slots=True)
class LogInWithPasskey:
    """Start a session for whoever holds a passkey, which has verified its user.

    Raises `WrongPasskey`, `ChallengeInvalid`, `WrongOrigin`, and as `Admit`.
    """

    database: Database
    use_passkey: UsePasskey
    admit: Admit
    clock: Clock

    async def __call__(
        self, credential: UsedCredential, device: Device, guest: bytes | None = None
    ) -> LoggedIn:
        """No account is named: the passkey says whose it is; `guest` as for `Admit`."""
        owner = await self._owner(credential, device)
        account = await Accounts(self.database).find(owner)
        if account is None:
            raise WrongPasskey
        return await self.admit(account, device, (Method.PASSKEY,), guest)

    async def _owner(self, credential: UsedCredential, device: Device) -> UserId:
        refusal: Problem
        async with self.database.transaction() as tx:
            try:
                return await self.use_passkey(tx, credential, Purpose.PASSKEY_LOGIN, None, device)
            except PasskeyRefused as refused:
                refusal = WrongPasskey(refused.detail)
            except (ChallengeInvalid, WrongOrigin) as refused:
                refusal = refused
            await AuditLog(tx).add(Action.LOGIN_FAILED, self.clock.now(), device, subject=None)
        raise refusal
