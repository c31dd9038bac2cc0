"""Staying logged in, logging out, and what other features need of sessions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from auth_service.accounts.domain import Account
from auth_service.accounts.permissions import scopes_of
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.factors.domain import is_two_step, proofs_of
from auth_service.factors.repository import second_factors, ways_in
from auth_service.secrets import hash_of, new_secret
from auth_service.sessions.domain import (
    Method,
    ReauthenticationRequired,
    Session,
    SessionLimits,
    SessionNotFound,
)
from auth_service.sessions.repository import Sessions
from auth_service.sessions.starting import start_at_once
from auth_service.tokens.keyring import KeyRing
from auth_service.tokens.revocations import revoke
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.db.executor import Executor
from shared.ids import uuid7
from shared.security.principal import Principal, SessionId, UserId
from shared.security.tokens import TokenIssuer
from shared.security.verifier import SessionRevoked


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A fresh pair of tokens and their owner."""

    access_token: str
    refresh_token: str
    refresh_expires_at: datetime
    account: Account


@dataclass(frozen=True, slots=True)
class IssueTokens:
    """Make a pair of tokens for a session, in the transaction of the caller."""

    keys: KeyRing
    limits: SessionLimits
    clock: Clock

    async def __call__(self, tx: Transaction, session: SessionId, account: Account) -> LoggedIn:
        """The pair; the refresh token joins the family of the session."""
        secret = new_secret()
        expires_at = await Sessions(tx).add_token(
            session, secret.hash, self.clock.now(), self.limits
        )
        return self.pair(session, account, secret.token, expires_at)

    def pair(
        self, session: SessionId, account: Account, refresh_token: str, expires_at: datetime
    ) -> LoggedIn:
        """A new access token, and the refresh token that has been added to the session."""
        issuer = TokenIssuer(self.keys.signing_key(), self.clock)
        principal = Principal(
            account.id, session, account.roles, scopes_of(account.roles), account.guest
        )
        return LoggedIn(issuer.issue(principal), refresh_token, expires_at, account)


@dataclass(frozen=True, slots=True)
class StartSession:
    """Start a session of somebody who has proved who they are; see `Admit` for who has not yet."""

    issue: IssueTokens
    limits: SessionLimits
    clock: Clock

    async def __call__(
        self, tx: Transaction, account: Account, device: Device, methods: Iterable[Method]
    ) -> LoggedIn:
        """Its first pair of tokens."""
        session = SessionId(uuid7())
        await Sessions(tx).start(
            session, account.id, device, methods, self.clock.now(), self.limits
        )
        return await self.issue(tx, session, account)

    async def at_once(
        self,
        executor: Executor,
        account: Account,
        device: Device,
        methods: tuple[Method, ...],
        password_hash: str | None,
    ) -> LoggedIn | None:
        """The same in one statement, noted in the audit log; None, and nothing done, when something
        is in the way: the account is suspended, or another password counts by now."""
        secret, now = new_secret(), self.clock.now()
        session = await start_at_once(
            executor, account.id, device, methods, now, self.limits,
            token_hash=secret.hash, password_hash=password_hash,
        )  # fmt: skip
        if session is None:
            return None
        expires_at = now + min(self.limits.inactivity, self.limits.age)
        return self.issue.pair(session, account, secret.token, expires_at)


@dataclass(frozen=True, slots=True)
class EndSessions:
    """End sessions of a user, in the transaction of the caller; everybody is told."""

    clock: Clock

    async def one(self, tx: Transaction, session: SessionId, owner: UserId, reason: str) -> bool:
        """Whether that session was `owner`'s and under way."""
        now = self.clock.now()
        if not await Sessions(tx).end(session, owner, now, reason):
            return False
        await revoke(tx, [session], owner, now)
        return True

    async def all(
        self, tx: Transaction, owner: UserId, reason: str, *, kept: SessionId | None = None
    ) -> int:
        """End all of them but `kept`; how many."""
        now = self.clock.now()
        ended = await Sessions(tx).end_all(owner, now, reason, kept)
        await revoke(tx, ended, owner, now)
        return len(ended)


@dataclass(frozen=True, slots=True)
class RequireRecent:
    """Let nobody do what is dangerous who has not proved lately who they are."""

    database: Database
    clock: Clock

    async def __call__(self, caller: Principal) -> None:
        """Raises `ReauthenticationRequired` when the last proof is older than ten minutes.

        Of somebody with a second factor a password alone is none. The error's member `methods`
        names what would do; with nothing in it, only a new log-in does.
        """
        proof = await Sessions(self.database).last_proof(caller.session_id)
        factors = await second_factors(self.database, caller.id)
        now = self.clock.now()
        if proof is not None and proof.is_enough(now, two_steps=is_two_step(factors)):
            return
        methods = proofs_of(factors, await ways_in(self.database, caller.id))
        how = f"Send {' or '.join(methods)} to POST /api/auth/reauthenticate first."
        raise ReauthenticationRequired(
            how if methods else "Log in again first.", members={"methods": methods}
        )


async def require_session(tx: Transaction, caller: Principal) -> None:
    """Raise `SessionRevoked` unless the caller's session goes on, also when it has only just ended.

    For what gives a way in to an account, which the caller has locked: a reset of the password
    that comes at this moment either waits and finds it, or is seen here.
    """
    if await Sessions(tx).last_proof(caller.session_id) is None:
        raise SessionRevoked


@dataclass(frozen=True, slots=True)
class ListSessions:
    """Where the caller is logged in, the newest first."""

    database: Database
    limits: SessionLimits
    clock: Clock

    async def __call__(self, caller: Principal, after: UUID | None, count: int) -> list[Session]:
        """Up to `count` sessions under way, from the one `after` on."""
        return await Sessions(self.database).under_way(
            caller.id, self.clock.now(), self.limits, after, count
        )


@dataclass(frozen=True, slots=True)
class EndSession:
    """End one session of the caller; raises `SessionNotFound`, also for those of others."""

    database: Database
    end_sessions: EndSessions
    clock: Clock

    async def __call__(self, caller: Principal, session: SessionId, device: Device) -> None:
        """Its access tokens are refused from now on."""
        async with self.database.transaction() as tx:
            if not await self.end_sessions.one(tx, session, caller.id, "ended_by_user"):
                raise SessionNotFound(
                    f"No session of yours that is under way has the id {session}."
                )
            await AuditLog(tx).add(
                Action.LOGGED_OUT,
                self.clock.now(),
                device,
                subject=caller.id,
                details={"session": str(session)},
            )


@dataclass(frozen=True, slots=True)
class EndOtherSessions:
    """Log the caller out everywhere else."""

    database: Database
    end_sessions: EndSessions
    clock: Clock

    async def __call__(self, caller: Principal, device: Device) -> int:
        """How many sessions that ended."""
        async with self.database.transaction() as tx:
            ended = await self.end_sessions.all(
                tx, caller.id, "ended_by_user", kept=caller.session_id
            )
            await AuditLog(tx).add(
                Action.SESSIONS_ENDED,
                self.clock.now(),
                device,
                subject=caller.id,
                details={"ended": ended, "kept": str(caller.session_id)},
            )
        return ended


@dataclass(frozen=True, slots=True)
class LogOut:
    """End the caller's session, and that of a refresh token of theirs when one is given."""

    database: Database
    end_sessions: EndSessions
    clock: Clock

    async def __call__(self, caller: Principal, refresh_token: str | None, device: Device) -> None:
        """Another user's refresh token is left alone."""
        async with self.database.transaction() as tx:
            await self._end(tx, caller, caller.session_id, device)
            if refresh_token is None:
                return
            session = await Sessions(tx).of_token(hash_of(refresh_token))
            if session is not None and session != caller.session_id:
                await self._end(tx, caller, session, device)

    async def _end(
        self, tx: Transaction, caller: Principal, session: SessionId, device: Device
    ) -> None:
        if await self.end_sessions.one(tx, session, caller.id, "logged_out"):
            await AuditLog(tx).add(
                Action.LOGGED_OUT,
                self.clock.now(),
                device,
                subject=caller.id,
                details={"session": str(session)},
            )
