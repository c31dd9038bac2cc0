"""Using a second factor, of whatever kind."""

from dataclasses import dataclass

from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.factors.domain import ChallengeInvalid, WrongSecondFactor
from auth_service.passkeys.domain import PasskeyRefused, WrongOrigin
from auth_service.passkeys.using import UsePasskey
from auth_service.proofs.domain import Given
from auth_service.recovery_codes.use_cases import UseRecoveryCode
from auth_service.sessions.domain import Method
from auth_service.tickets.domain import Purpose
from auth_service.totp.use_cases import UseTotp
from shared.clock import Clock
from shared.db.database import Transaction
from shared.security.principal import UserId

Refusal = WrongSecondFactor | ChallengeInvalid | WrongOrigin


@dataclass(frozen=True, slots=True)
class UseFactor:
    """Use a factor up, in the transaction of the caller, who lets it commit whatever comes out."""

    use_totp: UseTotp
    use_recovery_code: UseRecoveryCode
    use_passkey: UsePasskey
    clock: Clock

    async def __call__(
        self, tx: Transaction, owner: UserId, given: Given, purpose: Purpose, device: Device
    ) -> Method | Refusal:
        """How the owner has proved who they are, or why they have not, which is noted.

        `purpose` is what the challenge of a passkey was issued for.
        """
        try:
            return await self._use(tx, owner, given, purpose, device)
        except (WrongSecondFactor, ChallengeInvalid, WrongOrigin) as refusal:
            details = {"factor": given.field, "purpose": purpose}
            await AuditLog(tx).add(
                Action.FACTOR_FAILED, self.clock.now(), device, subject=owner, details=details
            )
            return refusal

    async def _use(
        self, tx: Transaction, owner: UserId, given: Given, purpose: Purpose, device: Device
    ) -> Method:
        if given.passkey is not None:
            try:
                await self.use_passkey(tx, given.passkey, purpose, owner, device)
            except PasskeyRefused as refused:
                raise WrongSecondFactor(refused.detail) from refused
            return Method.PASSKEY
        if given.code is not None and await self.use_totp(tx, owner, given.code):
            return Method.OTP
        if given.recovery_code is not None and await self.use_recovery_code(
            tx, owner, given.recovery_code, device
        ):
            return Method.RECOVERY_CODE
        raise WrongSecondFactor
