"""Proving with a passkey who one is: to log in, as a second factor, or once more."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.factors.domain import ChallengeInvalid
from auth_service.passkeys.ceremonies import challenge_in, decode, use_options, verify_used
from auth_service.passkeys.credentials import UsedCredential
from auth_service.passkeys.domain import (
    CHALLENGE_LIFETIME,
    Passkey,
    PasskeyCopied,
    PasskeyRefused,
    RelyingParty,
    check_count,
)
from auth_service.passkeys.repository import Passkeys
from auth_service.tickets.domain import Purpose, TicketInvalid
from auth_service.tickets.repository import Tickets
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.db.executor import Executor
from shared.security.principal import UserId


async def redeem_challenge(
    executor: Executor, purpose: Purpose, challenge: str, owner: UserId | None, now: datetime
) -> None:
    """Use a challenge up; raises `ChallengeInvalid`, also for one of somebody else's."""
    try:
        ticket = await Tickets(executor).redeem(purpose, challenge, now)
    except TicketInvalid:
        raise ChallengeInvalid from None
    if ticket.user_id != owner:
        raise ChallengeInvalid


@dataclass(frozen=True, slots=True)
class AskForPasskey:
    """Ask a browser to use a passkey: one of `owner`'s, or any that its device has for us."""

    database: Database
    party: RelyingParty
    clock: Clock

    async def __call__(self, purpose: Purpose, owner: UserId | None) -> dict[str, Any]:
        """Options for `navigator.credentials.get()`."""
        allowed: Iterable[Passkey] = ()
        if owner is not None:
            allowed = await Passkeys(self.database).of_user(owner)
        challenge = await Tickets(self.database).issue(
            purpose, owner, self.clock.now(), CHALLENGE_LIFETIME
        )
        return use_options(self.party, challenge, allowed)


@dataclass(frozen=True, slots=True)
class UsePasskey:
    """Accept the use of a passkey, in the transaction of the caller.

    Raises `ChallengeInvalid`, `WrongOrigin` and `PasskeyRefused`. The caller lets
    the transaction commit all the same, so that the challenge is used up and the note of a copy
    stays.
    """

    party: RelyingParty
    clock: Clock

    async def __call__(
        self,
        tx: Transaction,
        credential: UsedCredential,
        purpose: Purpose,
        owner: UserId | None,
        device: Device,
    ) -> UserId:
        """Whose it is: `owner`, when one is named."""
        now = self.clock.now()
        challenge = challenge_in(credential.response.client_data_json, self.party)
        await redeem_challenge(tx, purpose, challenge, owner, now)
        passkey = await Passkeys(tx).lock(decode(credential.raw_id))
        if passkey is None or (owner is not None and passkey.user_id != owner):
            raise PasskeyRefused("This account has no such passkey.")
        handle = credential.response.user_handle
        if handle is not None and decode(handle) != passkey.user_id.bytes:
            raise PasskeyRefused("The user handle is not that of the passkey's owner.")
        used = verify_used(self.party, credential, challenge, passkey)
        try:
            check_count(passkey.sign_count, used.sign_count)
        except PasskeyCopied as copied:
            details = {"factor": "passkey", "because": "sign_count"}
            await AuditLog(tx).add(
                Action.FACTOR_FAILED, now, device, subject=passkey.user_id, details=details
            )
            raise PasskeyRefused(
                "It says that it has been used less often than we know; there is a copy of it."
            ) from copied
        await Passkeys(tx).use(passkey, used, now)
        return passkey.user_id
