"""What an owner can do with passkeys."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from auth_service.accounts.domain import AccountGone
from auth_service.accounts.repository import Accounts
from auth_service.device import Device
from auth_service.factors.domain import Factor, LastWayIn
from auth_service.factors.notices import TellOfFactors
from auth_service.factors.repository import has_second_factor, remove_all, ways_in
from auth_service.passkeys.ceremonies import (
    challenge_in,
    known_transports,
    registration_options,
    verify_made,
)
from auth_service.passkeys.credentials import NewCredential
from auth_service.passkeys.domain import (
    CHALLENGE_LIFETIME,
    MAX_PASSKEYS,
    Passkey,
    PasskeyNotFound,
    PasskeyTaken,
    RelyingParty,
    TooManyPasskeys,
)
from auth_service.passkeys.repository import Passkeys
from auth_service.passkeys.using import redeem_challenge
from auth_service.recovery_codes.use_cases import MakeRecoveryCodes
from auth_service.sessions.domain import Method
from auth_service.sessions.repository import Sessions
from auth_service.sessions.use_cases import require_session
from auth_service.tickets.domain import Purpose
from auth_service.tickets.repository import Tickets
from shared.clock import Clock
from shared.db.database import Database
from shared.ids import uuid7
from shared.security.principal import Principal, UserId


@dataclass(frozen=True, slots=True)
class BeginPasskey:
    """Ask the caller's browser for a new passkey; raises `TooManyPasskeys`."""

    database: Database
    party: RelyingParty
    clock: Clock

    async def __call__(self, caller: Principal) -> dict[str, Any]:
        """Options for `navigator.credentials.create()`."""
        account = await Accounts(self.database).find(caller.id)
        if account is None:
            raise AccountGone
        present = await Passkeys(self.database).of_user(caller.id)
        _refuse_more_than(len(present))
        challenge = await Tickets(self.database).issue(
            Purpose.PASSKEY_REGISTRATION, caller.id, self.clock.now(), CHALLENGE_LIFETIME
        )
        return registration_options(self.party, account, challenge, present)


@dataclass(frozen=True, slots=True)
class RegisterPasskey:
    """Keep a new passkey, whose maker has just verified the user.

    Raises `ChallengeInvalid`, `PasskeyRefused`, `WrongOrigin`, `PasskeyTaken`, `TooManyPasskeys`.
    """

    database: Database
    party: RelyingParty
    make_codes: MakeRecoveryCodes
    tell: TellOfFactors
    clock: Clock

    async def __call__(
        self, caller: Principal, name: str, credential: NewCredential, device: Device
    ) -> tuple[Passkey, tuple[str, ...] | None]:
        """The passkey, and with the first second factor of an account its recovery codes."""
        passkey = await self._made(caller.id, name, credential)
        async with self.database.transaction() as tx:
            account = await Accounts(tx).lock(caller.id)
            if account is None:
                raise AccountGone
            await require_session(tx, caller)
            _refuse_more_than(len(await Passkeys(tx).of_user(caller.id)))
            first = not await has_second_factor(tx, caller.id)
            if not await Passkeys(tx).add(passkey):
                raise PasskeyTaken
            await self.tell.added(tx, account, device, Factor.PASSKEY)
            await Sessions(tx).authenticate(
                caller.session_id, (Method.PASSKEY,), passkey.created_at
            )
            codes = await self.make_codes(tx, caller.id, device) if first else None
        return passkey, codes

    async def _made(self, owner: UserId, name: str, credential: NewCredential) -> Passkey:
        now = self.clock.now()
        challenge = challenge_in(credential.response.client_data_json, self.party)
        await redeem_challenge(self.database, Purpose.PASSKEY_REGISTRATION, challenge, owner, now)
        made = verify_made(self.party, credential, challenge)
        return Passkey(
            id=uuid7(),
            user_id=owner,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=made.sign_count,
            name=name,
            transports=known_transports(credential.response.transports),
            backed_up=made.backed_up,
            created_at=now,
        )


@dataclass(frozen=True, slots=True)
class ListPasskeys:
    """The caller's passkeys."""

    database: Database

    async def __call__(self, caller: Principal) -> Sequence[Passkey]:
        """The oldest first."""
        return await Passkeys(self.database).of_user(caller.id)


@dataclass(frozen=True, slots=True)
class RenamePasskey:
    """Call a passkey of the caller's something else; raises `PasskeyNotFound`."""

    database: Database

    async def __call__(self, caller: Principal, passkey_id: UUID, name: str) -> Passkey:
        """The passkey with its new name."""
        passkey = await Passkeys(self.database).rename(passkey_id, caller.id, name)
        if passkey is None:
            raise PasskeyNotFound
        return passkey


@dataclass(frozen=True, slots=True)
class RemovePasskey:
    """Forget a passkey of the caller's; raises `PasskeyNotFound`, `LastWayIn`."""

    database: Database
    tell: TellOfFactors

    async def __call__(self, caller: Principal, passkey_id: UUID, device: Device) -> None:
        """Recovery codes go with the last factor that they stand in for."""
        async with self.database.transaction() as tx:
            account = await Accounts(tx).lock(caller.id)
            if account is None or not await Passkeys(tx).remove(passkey_id, caller.id):
                raise PasskeyNotFound
            if not (await ways_in(tx, caller.id)).total:
                raise LastWayIn("Set a password, link another log-in or add a passkey first.")
            await self.tell.removed(tx, account, device, Factor.PASSKEY)
            if not await has_second_factor(tx, caller.id):
                await remove_all(tx, caller.id, Factor.RECOVERY_CODE)


def _refuse_more_than(present: int) -> None:
    if present >= MAX_PASSKEYS:
        raise TooManyPasskeys(f"There are {present}; remove one that you do not use.")
