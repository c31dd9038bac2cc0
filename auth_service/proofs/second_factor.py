"""The second step of a log-in."""

from dataclasses import dataclass
from typing import Any

from auth_service.accounts.domain import AccountGone
from auth_service.accounts.repository import Accounts
from auth_service.delays.domain import Use
from auth_service.delays.use_cases import Delays
from auth_service.device import Device
from auth_service.factors.domain import ChallengeInvalid
from auth_service.passkeys.using import AskForPasskey
from auth_service.proofs.domain import MAX_ATTEMPTS, Given
from auth_service.proofs.use_cases import Refusal, UseFactor
from auth_service.sessions.domain import Method
from auth_service.sessions.log_in import Admit
from auth_service.sessions.use_cases import LoggedIn
from auth_service.tickets.domain import Purpose, TicketInvalid
from auth_service.tickets.repository import Tickets
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.security.principal import UserId


@dataclass(frozen=True, slots=True)
class LogInWithSecondFactor:
    """Start the session that a first factor and its challenge have prepared.

    Raises `ChallengeInvalid`, `WrongSecondFactor`, `WrongOrigin`, `LoginDelayed`, and as `Admit`.
    A challenge is good for five tries, and all tries for one account are delayed together: who
    knows the password gains nothing by asking for ever new challenges.
    """

    database: Database
    use_factor: UseFactor
    delays: Delays
    admit: Admit
    clock: Clock

    async def __call__(self, challenge: str, given: Given, device: Device) -> LoggedIn:
        """The first pair of tokens."""
        owner = await owner_of(self.database, challenge, self.clock)
        at_home = await self.delays.is_at_home(owner, device)
        keys = self.delays.keys(Use.SECOND_FACTOR, str(owner), device, at_home=at_home)
        await self.delays.check(keys, given.field)
        async with self.database.transaction() as tx:
            done = await self._try(tx, owner, challenge, given, device)
        if not isinstance(done, LoggedIn):
            raise done
        await self.delays.succeeded(keys)
        return done

    async def _try(
        self, tx: Transaction, owner: UserId, challenge: str, given: Given, device: Device
    ) -> LoggedIn | Refusal:
        now = self.clock.now()
        account = await Accounts(tx).lock(owner)  # first, as whoever erases it does
        if account is None:
            raise AccountGone
        try:
            ticket = await Tickets(tx).count_attempt(Purpose.SECOND_FACTOR, challenge, now)
        except TicketInvalid:
            raise ChallengeInvalid from None
        if ticket.attempts > MAX_ATTEMPTS:
            await Tickets(tx).redeem(Purpose.SECOND_FACTOR, challenge, now)
            return ChallengeInvalid(f"It was tried {MAX_ATTEMPTS} times; log in again.")
        used = await self.use_factor(tx, owner, given, Purpose.PASSKEY_SECOND_FACTOR, device)
        if not isinstance(used, Method):
            return used
        await Tickets(tx).redeem(Purpose.SECOND_FACTOR, challenge, now)
        methods = (*(Method(one) for one in ticket.data["methods"]), used)
        guest = ticket.data.get("guest")
        return await self.admit.let_in(
            tx, account, device, methods, bytes.fromhex(guest) if guest else None
        )


@dataclass(frozen=True, slots=True)
class AskForSecondPasskey:
    """Ask whoever has a challenge for one of the account's passkeys; raises `ChallengeInvalid`."""

    database: Database
    ask: AskForPasskey
    clock: Clock

    async def __call__(self, challenge: str) -> dict[str, Any]:
        """Options for `navigator.credentials.get()`."""
        owner = await owner_of(self.database, challenge, self.clock)
        return await self.ask(Purpose.PASSKEY_SECOND_FACTOR, owner)


async def owner_of(database: Database, challenge: str, clock: Clock) -> UserId:
    """Who has begun to log in with a challenge; raises `ChallengeInvalid`."""
    try:
        ticket = await Tickets(database).find(Purpose.SECOND_FACTOR, challenge, clock.now())
    except TicketInvalid:
        raise ChallengeInvalid from None
    if ticket.user_id is None:
        raise ChallengeInvalid
    return ticket.user_id
