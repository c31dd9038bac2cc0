"""What users can do with their identities: list, link and unlink."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from auth_service.accounts.domain import AccountGone
from auth_service.accounts.repository import Accounts
from auth_service.device import Device
from auth_service.factors.domain import LastWayIn
from auth_service.factors.repository import ways_in
from auth_service.sessions.use_cases import require_session
from auth_service.social.domain import (
    Identity,
    IdentityNotFound,
    IdentityTaken,
    Profile,
    ProviderLinked,
)
from auth_service.social.notices import TellOfLinks
from auth_service.social.providers import Providers
from auth_service.social.recognition import new_identity
from auth_service.social.repository import Identities
from auth_service.tickets.domain import Purpose, TicketInvalid
from auth_service.tickets.repository import Tickets
from shared.clock import Clock
from shared.db.database import Database
from shared.security.principal import Principal


@dataclass(frozen=True, slots=True)
class ListIdentities:
    """The caller's identities."""

    database: Database

    async def __call__(self, caller: Principal) -> Sequence[Identity]:
        """The oldest first."""
        return await Identities(self.database).of_user(caller.id)


@dataclass(frozen=True, slots=True)
class LinkIdentity:
    """Link an account at a provider to the caller, who has come back from there with a code.

    That the caller sends it, and not the browser alone, is what protects them: a link that
    somebody else began ends with a code that is of no use to anybody but that one. Raises
    `TicketInvalid`, `IdentityTaken`, `ProviderLinked` and `AccountGone`.
    """

    database: Database
    providers: Providers
    tell: TellOfLinks
    clock: Clock

    async def __call__(self, caller: Principal, code: str, device: Device) -> Identity:
        """The identity, also when it was linked before."""
        now = self.clock.now()
        ticket = await Tickets(self.database).redeem(Purpose.SOCIAL_LINK, code, now)
        if ticket.user_id != caller.id:
            raise TicketInvalid
        provider = ticket.data["provider"]
        profile = msgspec.convert(ticket.data["profile"], Profile)
        identity = new_identity(caller.id, provider, profile, now)
        async with self.database.transaction() as tx:
            owner = await Accounts(tx).lock(caller.id)
            if owner is None:
                raise AccountGone
            await require_session(tx, caller)
            if not await Identities(tx).add(identity):
                return await self._present(Identities(tx), identity)
            label = _label(self.providers, provider)
            await self.tell.linked(tx, owner, device, {"provider": provider}, label)
        return identity

    async def _present(self, identities: Identities, wanted: Identity) -> Identity:
        present = await identities.find(wanted.provider, wanted.subject)
        if present is None:
            raise ProviderLinked
        if present.user_id != wanted.user_id:
            raise IdentityTaken
        return present


@dataclass(frozen=True, slots=True)
class UnlinkIdentity:
    """Forget an identity of the caller's; raises `IdentityNotFound` and `LastWayIn`."""

    database: Database
    providers: Providers
    tell: TellOfLinks

    async def __call__(self, caller: Principal, identity: UUID, device: Device) -> None:
        """Sessions that it has begun go on."""
        async with self.database.transaction() as tx:
            owner = await Accounts(tx).lock(
                caller.id
            )  # two at once must not both be the last but one
            provider = await Identities(tx).remove(identity, caller.id)
            if owner is None or provider is None:
                raise IdentityNotFound
            if not (await ways_in(tx, caller.id)).total:
                raise LastWayIn("Set a password, add a passkey or link another account first.")
            label = _label(self.providers, provider)
            await self.tell.unlinked(tx, owner, device, provider, label)


def _label(providers: Providers, name: str) -> str:
    """What people know a provider as; one that is not set up any more has its name alone."""
    return providers[name].label if name in providers else name
