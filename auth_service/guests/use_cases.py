"""Coming in as a guest, turning out to be a user, and staying away."""

from dataclasses import dataclass
from datetime import timedelta

import msgspec

from auth_service.accounts.domain import Account
from auth_service.accounts.repository import Accounts
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.events import GuestCreated, GuestUpgraded
from auth_service.guests.domain import new_guest, no_guest
from auth_service.guests.repository import BATCH, Guests
from auth_service.privacy.use_cases import EraseUser
from auth_service.sessions.domain import Method, Use, judge
from auth_service.sessions.repository import Sessions
from auth_service.sessions.use_cases import EndSessions, LoggedIn, StartSession
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.observability.logging import get_logger
from shared.security.principal import UserId

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ComeInAsGuest:
    """Make a guest and start their session."""

    database: Database
    start_session: StartSession
    clock: Clock

    async def __call__(self, device: Device) -> LoggedIn:
        """The first pair of tokens; the access token says that its owner is a guest."""
        now = self.clock.now()
        async with self.database.transaction() as tx:
            guest = new_guest(now)
            while not await Accounts(tx).add(guest, None):  # somebody has that very handle
                guest = new_guest(now)
            await AuditLog(tx).add(Action.GUEST_CREATED, now, device, subject=guest.id)
            tx.announce(GuestCreated(guest.id, now))
            return await self.start_session(tx, guest, device, (Method.GUEST,))


@dataclass(frozen=True, slots=True)
class RegisterGuest:
    """Make a registered user of a guest: the same user, who owns what the guest owned.

    The guest's sessions end, since their tokens say that their owner is a guest.
    """

    end_sessions: EndSessions
    clock: Clock

    async def __call__(
        self, tx: Transaction, token_hash: bytes, wanted: Account, password_hash: str,
        device: Device,
    ) -> tuple[Account, int]:  # fmt: skip
        """The account, with address and handle of `wanted`, and its revision.

        `token_hash` is of the guest's refresh token. Raises `Invalid` when it is none, and
        `IntegrityError` when the address or the handle is taken.
        """
        guest, now = await self._lock(tx, token_hash), self.clock.now()
        account = msgspec.structs.replace(
            guest, email=wanted.email, handle=wanted.handle, guest=False
        )
        revision = await Guests(tx).register(account, password_hash)
        if revision is None:
            raise no_guest()
        await self.end_sessions.all(tx, account.id, "registered")
        await AuditLog(tx).add(Action.GUEST_UPGRADED, now, device, subject=account.id)
        tx.announce(GuestUpgraded(account.id, account.id, now))
        return account, revision

    async def _lock(self, tx: Transaction, token_hash: bytes) -> Account:
        owner = await Guests(tx).owner_of(token_hash)
        if owner is None:
            raise no_guest()
        return await lock_guest(tx, owner, token_hash, self.clock)


@dataclass(frozen=True, slots=True)
class AdoptGuest:
    """Give what a guest owns to the user that they turned out to be; the guest is no more."""

    erase: EraseUser
    clock: Clock

    async def __call__(
        self, tx: Transaction, token_hash: bytes, account: Account, device: Device
    ) -> None:
        """Within the transaction that logs `account` in.

        `token_hash` is of the guest's refresh token. Raises `Invalid` when it is none; one of the
        account's own, from when its user was a guest, leaves nothing to do.
        """
        owner = await self._owner(tx, token_hash)
        if owner == account.id:
            return
        guest, now = await lock_guest(tx, owner, token_hash, self.clock), self.clock.now()
        tx.announce(GuestUpgraded(guest.id, account.id, now))
        await AuditLog(tx).add(Action.GUEST_UPGRADED, now, device, subject=account.id)
        await self.erase(tx, guest.id, device, actor=account.id, inherited=True)

    async def check(self, tx: Transaction, token_hash: bytes, account: Account) -> None:
        """Raise what adopting would raise now, before a second factor is asked for."""
        owner = await self._owner(tx, token_hash)
        if owner != account.id:
            await lock_guest(tx, owner, token_hash, self.clock)

    async def _owner(self, tx: Transaction, token_hash: bytes) -> UserId:
        owner = await Guests(tx).owner_of(token_hash)
        if owner is None:
            raise no_guest()
        return owner


async def lock_guest(tx: Transaction, owner: UserId, token_hash: bytes, clock: Clock) -> Account:
    """The guest with that refresh token, whom nobody else changes until `tx` ends.

    Raises `Invalid` when it is a user's, or no longer good.
    """
    guest = await Accounts(tx).lock(owner)  # before the session, as whoever erases does
    token = await Sessions(tx).lock_token(token_hash)
    if guest is None or not guest.guest or token is None:
        raise no_guest()
    if judge(token, clock.now()) is not Use.GOOD:
        raise no_guest()
    return guest


@dataclass(frozen=True, slots=True)
class EraseGuests:
    """Erase guests who have stayed away for as long as `days`; they have no way back in."""

    database: Database
    erase: EraseUser
    days: timedelta
    clock: Clock

    async def __call__(self) -> int:
        """How many there were."""
        now = self.clock.now()
        since, erased = now - self.days, 0
        while gone := await Guests(self.database).gone(since, now):
            for guest in gone:
                async with self.database.transaction() as tx:
                    if await Guests(tx).lock_gone(guest, since, now):
                        erased += await self.erase(tx, guest)
            if len(gone) < BATCH:
                break
        if erased:
            log.info("guests_erased", guests=erased)
        return erased
