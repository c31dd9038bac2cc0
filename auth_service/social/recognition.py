"""Whose account is it: the user of somebody who has logged in at a provider."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from auth_service.accounts.domain import Account, HandleTaken
from auth_service.accounts.repository import Accounts
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.events import UserRegistered
from auth_service.profiles.domain import LONGEST_NAME
from auth_service.social.domain import AccountExists, Identity, Profile
from auth_service.social.notices import TellOfLinks
from auth_service.social.providers import Provider
from auth_service.social.repository import Identities
from auth_service.social.suggestions import suggestions
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.ids import uuid7
from shared.security.principal import UserId


@dataclass(frozen=True, slots=True)
class RecogniseUser:
    """Find the user of a profile, or make an account for it; raises `AccountExists`.

    An account that only has the same e-mail address is joined when both sides have verified the
    address: the provider, which must be trusted for that, and we. Whoever registered here with an
    address that was not theirs waits for its owner in vain.
    """

    database: Database
    tell: TellOfLinks
    clock: Clock

    async def __call__(self, provider: Provider, profile: Profile, device: Device) -> UserId:
        """The user's id."""
        now = self.clock.now()
        async with self.database.transaction() as tx:
            await Identities(tx).lock(provider.name, profile.subject)
            known = await Identities(tx).use(provider.name, profile.subject, now)
            if known is not None:
                return known
            email = profile.email if profile.email_verified else None
            found = await Accounts(tx).find_with_hash(email) if email else None
            if found is not None:
                return await self._join(tx, found[0], provider, profile, device)
            trusted = email if provider.trusts_email else None
            return await self._register(tx, provider, profile, trusted, device)

    async def _join(
        self,
        tx: Transaction,
        account: Account,
        provider: Provider,
        profile: Profile,
        device: Device,
    ) -> UserId:
        now = self.clock.now()
        if not (provider.trusts_email and account.email_verified):
            raise AccountExists
        if not await Identities(tx).add(new_identity(account.id, provider.name, profile, now)):
            raise AccountExists  # they have another account at this provider
        details = {"provider": provider.name, "by": "email"}
        await self.tell.linked(tx, account, device, details, provider.label)
        return account.id

    async def _register(
        self,
        tx: Transaction,
        provider: Provider,
        profile: Profile,
        email: str | None,
        device: Device,
    ) -> UserId:
        now = self.clock.now()
        account = await _add_first_free(tx, _accounts(profile, email, now))
        await Identities(tx).add(new_identity(account.id, provider.name, profile, now))
        details = {"provider": provider.name}
        await AuditLog(tx).add(Action.REGISTERED, now, device, subject=account.id, details=details)
        tx.announce(UserRegistered(account.id, account.handle, now))
        return account.id


def new_identity(user: UserId, provider: str, profile: Profile, now: datetime) -> Identity:
    """An identity that is linked to `user` now."""
    return Identity(uuid7(), user, provider, profile.subject, profile.email, now, now)


def _accounts(profile: Profile, email: str | None, now: datetime) -> Iterable[Account]:
    """The account that is to be made, under one handle after the other."""
    for handle in suggestions(profile):
        yield Account(
            id=UserId(uuid7()),
            email=email,
            handle=handle,
            roles=(),
            created_at=now,
            email_verified=email is not None,
            display_name=profile.name[:LONGEST_NAME].strip(),
        )


async def _add_first_free(tx: Transaction, wanted: Iterable[Account]) -> Account:
    for account in wanted:
        if await Accounts(tx).add(account, None):
            return account
        if account.email and (await Accounts(tx).taken(account.email, account.handle)).email:
            raise AccountExists  # somebody has registered with it at this moment
    raise HandleTaken  # all of them, which random numbers make all but impossible
