"""What can be done with API keys."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from auth_service.accounts.domain import AccountGone
from auth_service.accounts.repository import Accounts
from auth_service.api_keys.domain import (
    TOKEN_LIFETIME,
    ApiKey,
    ApiKeyNotFound,
    TooManyApiKeys,
    check_scopes,
    checked_name,
    effective,
    new_key,
    refusal_of,
)
from auth_service.api_keys.repository import ApiKeys
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.mail.domain import Letter, Template, circumstances
from auth_service.mail.use_cases import WriteLetter
from auth_service.secrets import hash_of
from auth_service.sessions.use_cases import require_session
from auth_service.tokens.keyring import KeyRing
from auth_service.tokens.revocations import revoke
from shared.clock import Clock
from shared.db.database import Database
from shared.ids import uuid7
from shared.security.api_keys import KeyExchange, Refusal
from shared.security.principal import Principal, SessionId
from shared.security.tokens import TokenIssuer


@dataclass(frozen=True, slots=True)
class MakeApiKey:
    """Make a key for the caller; raises `Invalid` for scopes, and `TooManyApiKeys`."""

    database: Database
    write_letter: WriteLetter
    most: int
    clock: Clock

    async def __call__(
        self,
        caller: Principal,
        name: str,
        scopes: tuple[str, ...],
        lifetime: timedelta | None,
        device: Device,
    ) -> tuple[ApiKey, str]:
        """What is known of the key, and its text, which nobody is told again."""
        now, made = self.clock.now(), new_key()
        async with self.database.transaction() as tx:
            owner = await Accounts(tx).lock(caller.id)
            if owner is None:
                raise AccountGone
            await require_session(tx, caller)
            key = ApiKey(
                id=SessionId(uuid7()),
                owner=owner.id,
                name=checked_name(name),
                prefix=made.prefix,
                scopes=check_scopes(scopes, owner.roles),
                created_at=now,
                expires_at=now + lifetime if lifetime else None,
            )
            if await ApiKeys(tx).count_usable(owner.id, now) >= self.most:
                raise TooManyApiKeys(f"There may be {self.most}.")
            await ApiKeys(tx).add(key, made.hash)
            details = {"api_key": str(key.id), "scopes": key.scopes}
            await AuditLog(tx).add(
                Action.API_KEY_MADE, now, device, subject=owner.id, details=details
            )
            if owner.email is not None:
                values = {"name": key.name, **circumstances(device)}
                letter = Letter(Template.API_KEY_MADE, owner.email, device.languages, values)
                await self.write_letter(tx, letter, owner.id)
        return key, made.key


@dataclass(frozen=True, slots=True)
class RevokeApiKey:
    """End one of the caller's keys; raises `ApiKeyNotFound`."""

    database: Database
    clock: Clock

    async def __call__(self, caller: Principal, key_id: UUID, device: Device) -> None:
        """Its access tokens are refused everywhere at once; a second time changes nothing."""
        key, now = SessionId(key_id), self.clock.now()
        async with self.database.transaction() as tx:
            if await ApiKeys(tx).revoke(caller.id, key, now):
                await revoke(tx, [key], caller.id, now)
                details = {"api_key": str(key)}
                await AuditLog(tx).add(
                    Action.API_KEY_REVOKED, now, device, subject=caller.id, details=details
                )
            elif not await ApiKeys(tx).exists(caller.id, key):
                raise ApiKeyNotFound


@dataclass(frozen=True, slots=True)
class ExchangeApiKey:
    """Tell whose a key is by an access token, which is what everybody verifies."""

    database: Database
    keys: KeyRing
    clock: Clock

    async def __call__(self, text: str) -> KeyExchange:
        """A token of the key's scopes that lives for minutes, or why there is none."""
        found = await ApiKeys(self.database).presented(hash_of(text))
        if found is None:
            return KeyExchange(refusal=Refusal.UNKNOWN)
        key, now = found.key, self.clock.now()
        refusal = refusal_of(key, now, suspended=found.suspended)
        if refusal is not None:
            return KeyExchange(refusal=refusal)
        await ApiKeys(self.database).mark_used(key.id, now)
        until = min(key.expires_at or now + TOKEN_LIFETIME, now + TOKEN_LIFETIME)
        # Of the owner's roles it has none: what they allow comes by scopes alone.
        principal = Principal(
            key.owner, key.id, scopes=effective(key.scopes, found.roles), api_key=True
        )
        issuer = TokenIssuer(self.keys.signing_key(), self.clock)
        return KeyExchange(issuer.issue(principal, until - now), until)
