"""Logging in: who proves to be somebody is let in, unless something is in the way."""

from dataclasses import dataclass
from datetime import timedelta

from auth_service.accounts.domain import Account, AccountSuspended, EmailNotVerified
from auth_service.accounts.hashes import Verdict
from auth_service.accounts.passwords import Passwords, TooBusy
from auth_service.accounts.repository import Accounts
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.delays.domain import Keys, Use, name_key
from auth_service.delays.use_cases import Delays
from auth_service.device import Device
from auth_service.factors.domain import is_two_step
from auth_service.factors.repository import second_factors
from auth_service.guests.use_cases import AdoptGuest
from auth_service.sessions.domain import (
    SECOND_FACTORS,
    Method,
    SecondFactorRequired,
    WrongCredentials,
)
from auth_service.sessions.use_cases import LoggedIn, StartSession
from auth_service.tickets.domain import Purpose
from auth_service.tickets.repository import Tickets
from shared.clock import Clock
from shared.db.database import Database, Transaction

CHALLENGE_LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Admit:
    """Start a session for whoever has proved to own an account by these `methods`.

    Raises `AccountSuspended`, `EmailNotVerified` where addresses have to be confirmed
    (`verified_only`), and `SecondFactorRequired` when the account has a second factor that
    is not among the methods: its member `challenge` is the ticket with which to send it, and
    `methods` are the kinds that will do.

    `guest` is the hash of the refresh token of the guest that they have been until now, who is
    adopted; raises `Invalid` when it is none.

    `password_hash` is that of the password by which they came; raises `WrongCredentials` when
    another one counts by now. A suspension or a new password that comes meanwhile is seen here, or
    it waits and ends this session.
    """

    database: Database
    start_session: StartSession
    adopt_guest: AdoptGuest
    clock: Clock
    verified_only: bool = False

    async def __call__(
        self,
        account: Account,
        device: Device,
        methods: tuple[Method, ...],
        guest: bytes | None = None,
        *,
        password_hash: str | None = None,
    ) -> LoggedIn:
        """The first pair of tokens."""
        self._require_usable(account)
        factors = await second_factors(self.database.hot, account.id)
        is_enough = not is_two_step(factors) or not SECOND_FACTORS.isdisjoint(methods)
        if is_enough and guest is None:
            started = await self.start_session.at_once(
                self.database.hot, account, device, methods, password_hash
            )
            if started is not None:
                return started
        async with self.database.transaction() as tx:
            await self._keep(tx, account, password_hash)
            if is_enough:
                return await self._start(tx, account, device, methods, guest)
            if guest is not None:
                await self.adopt_guest.check(tx, guest, account)
            challenge = await Tickets(tx).issue(
                Purpose.SECOND_FACTOR,
                account.id,
                self.clock.now(),
                CHALLENGE_LIFETIME,
                {"methods": methods, "guest": guest and guest.hex()},
            )
        raise SecondFactorRequired(members={"challenge": challenge, "methods": factors})

    async def let_in(
        self,
        tx: Transaction,
        account: Account,
        device: Device,
        methods: tuple[Method, ...],
        guest: bytes | None = None,
    ) -> LoggedIn:
        """The same in the transaction of whoever has seen that these methods are enough."""
        self._require_usable(account)
        await self._keep(tx, account)
        return await self._start(tx, account, device, methods, guest)

    async def _keep(
        self, tx: Transaction, account: Account, password_hash: str | None = None
    ) -> None:
        kept = await Accounts(tx).keep_active(account.id)
        if kept is None:
            raise AccountSuspended
        if password_hash is not None and kept.password_hash != password_hash:
            raise WrongCredentials

    async def _start(
        self,
        tx: Transaction,
        account: Account,
        device: Device,
        methods: tuple[Method, ...],
        guest: bytes | None,
    ) -> LoggedIn:
        if guest is not None:
            await self.adopt_guest(tx, guest, account, device)
        await AuditLog(tx).add(
            Action.LOGGED_IN,
            self.clock.now(),
            device,
            subject=account.id,
            details={"methods": methods},
        )
        return await self.start_session(tx, account, device, methods)

    def _require_usable(self, account: Account) -> None:
        if account.suspended:
            raise AccountSuspended
        if self.verified_only and account.email is not None and not account.email_verified:
            raise EmailNotVerified(
                "Open the link in the mail that came after your registration, or ask for another "
                "one: POST /api/auth/verify-email/resend."
            )


@dataclass(frozen=True, slots=True)
class LogIn:
    """Start a session for whoever knows a password.

    Raises `WrongCredentials`, `LoginDelayed`, `TooBusy`, and as `Admit`. Whether there is such an
    account tells neither the answer nor the time: the same is asked and done for nobody.
    """

    database: Database
    passwords: Passwords
    delays: Delays
    admit: Admit
    clock: Clock

    async def __call__(
        self, login: str, password: str, device: Device, guest: bytes | None = None
    ) -> LoggedIn:
        """`login` is an e-mail address or a handle; `guest` as for `Admit`."""
        found = await Accounts(self.database.hot).find_with_hash(login)
        account, hashed = found or (None, None)
        at_home = await self.delays.is_at_home(account.id if account else None, device)
        keys = self.delays.keys(Use.LOG_IN, name_key(login), device, at_home=at_home)
        await self.delays.check(keys)
        verdict = await self._verify(password, hashed, keys)
        if not verdict.is_right or account is None:
            await AuditLog(self.database).add(
                Action.LOGIN_FAILED,
                self.clock.now(),
                device,
                subject=account.id if account else None,
            )
            raise WrongCredentials
        await self.delays.succeeded(keys)
        if hashed is not None and verdict.renewed is not None:
            hashed = await self._renew(account, password, hashed, verdict.renewed)
        return await self.admit(account, device, (Method.PASSWORD,), guest, password_hash=hashed)

    async def _renew(self, account: Account, password: str, old: str, new: str) -> str:
        """The hash that counts for `password` from now on; raises `WrongCredentials` if none."""
        if await Accounts(self.database).replace_hash(account.id, old, new):
            return new
        # Another log-in has renewed it at this moment; or somebody has changed the password.
        present = await Accounts(self.database).hash_of(account.id)
        if present is None or not await self.passwords.verify(password, present):
            raise WrongCredentials
        return present

    async def _verify(self, password: str, hashed: str | None, keys: Keys) -> Verdict:
        try:
            return await self.passwords.check(password, hashed)
        except TooBusy:
            await self.delays.not_tried(keys)
            raise
