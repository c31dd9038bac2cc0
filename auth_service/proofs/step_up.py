"""Proving once more who one is, before what is dangerous."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auth_service.accounts.domain import Account, AccountGone
from auth_service.accounts.passwords import Passwords, TooBusy
from auth_service.accounts.repository import Accounts
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.delays.domain import Keys, Use
from auth_service.delays.use_cases import Delays
from auth_service.device import Device
from auth_service.factors.domain import WrongSecondFactor, is_two_step
from auth_service.factors.repository import second_factors
from auth_service.passkeys.using import AskForPasskey
from auth_service.proofs.domain import Given, ProofRefused, SecondFactorNeeded
from auth_service.proofs.use_cases import UseFactor
from auth_service.sessions.domain import AUTHENTICATED_RECENTLY, Method, RefreshTokenRevoked
from auth_service.sessions.repository import Sessions
from auth_service.tickets.domain import Purpose
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.errors import Problem
from shared.security.principal import Principal


@dataclass(frozen=True, slots=True)
class Reauthenticate:
    """Renew the proof that a session rests on.

    Raises `ProofRefused`, `LoginDelayed`, `TooBusy`, with a passkey `ChallengeInvalid` and
    `WrongOrigin`, and `SecondFactorNeeded` when a password comes from somebody who has more.
    """

    database: Database
    passwords: Passwords
    use_factor: UseFactor
    delays: Delays
    clock: Clock

    async def by_password(self, caller: Principal, password: str, device: Device) -> datetime:
        """Until when the proof is good enough."""
        account = await self._account(caller)
        factors = await second_factors(self.database, caller.id)
        if is_two_step(factors):
            raise SecondFactorNeeded(members={"methods": factors})
        keys = await self._may_try(caller, device, "password")
        found = await Accounts(self.database).find_with_hash(account.handle)
        if not await self._verify(password, found[1] if found else None, keys):
            await AuditLog(self.database).add(
                Action.FACTOR_FAILED,
                self.clock.now(),
                device,
                subject=caller.id,
                details={"factor": "password", "purpose": Purpose.PASSKEY_STEP_UP},
            )
            raise ProofRefused("The password is wrong.")
        async with self.database.transaction() as tx:
            await self._renew(tx, caller, Method.PASSWORD, device)
        return await self._proved(keys)

    async def by_factor(self, caller: Principal, given: Given, device: Device) -> datetime:
        """Until when the proof is good enough."""
        await self._account(caller)
        keys = await self._may_try(caller, device, given.field)
        refusal: Problem | None = None
        async with self.database.transaction() as tx:
            await Accounts(tx).lock(caller.id)
            used = await self.use_factor(tx, caller.id, given, Purpose.PASSKEY_STEP_UP, device)
            if isinstance(used, Method):
                await self._renew(tx, caller, used, device)
            else:
                refusal = used
        if isinstance(refusal, WrongSecondFactor):
            raise ProofRefused(refusal.detail)
        if refusal is not None:
            raise refusal
        return await self._proved(keys)

    async def _account(self, caller: Principal) -> Account:
        account = await Accounts(self.database).find(caller.id)
        if account is None:
            raise AccountGone
        return account

    async def _may_try(self, caller: Principal, device: Device, field: str) -> Keys:
        at_home = await self.delays.is_at_home(caller.id, device)
        keys = self.delays.keys(Use.CONFIRM, str(caller.id), device, at_home=at_home)
        await self.delays.check(keys, field)
        return keys

    async def _verify(self, password: str, hashed: str | None, keys: Keys) -> bool:
        try:
            return await self.passwords.verify(password, hashed)
        except TooBusy:
            await self.delays.not_tried(keys)
            raise

    async def _renew(
        self, tx: Transaction, caller: Principal, method: Method, device: Device
    ) -> None:
        now = self.clock.now()
        if not await Sessions(tx).authenticate(caller.session_id, (method,), now):
            raise RefreshTokenRevoked
        await AuditLog(tx).add(
            Action.REAUTHENTICATED, now, device, subject=caller.id, details={"methods": [method]}
        )

    async def _proved(self, keys: Keys) -> datetime:
        await self.delays.succeeded(keys)
        return self.clock.now() + AUTHENTICATED_RECENTLY


@dataclass(frozen=True, slots=True)
class AskForOwnPasskey:
    """Ask the caller for one of their passkeys."""

    ask: AskForPasskey

    async def __call__(self, caller: Principal) -> dict[str, Any]:
        """Options for `navigator.credentials.get()`."""
        return await self.ask(Purpose.PASSKEY_STEP_UP, caller.id)
