"""Staying logged in, logging out, and what other features need of sessions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from auth_service.accounts.domain import Account
from auth_service.accounts.permissions import scopes_of
from auth_service.device import Device
from auth_service.factors.domain import is_two_step, proofs_of
from auth_service.factors.repository import second_factors, ways_in
from auth_service.secrets import hash_of, new_secret
from auth_service.sessions.domain import (
    Method,
    ReauthenticationRequired,
    RefreshTokenExpired,
    RefreshTokenInvalid,
    RefreshTokenReused,
    RefreshTokenRevoked,
    SessionLimits,
    Use,
    judge,
)
from auth_service.sessions.repository import Sessions
from auth_service.tokens.keyring import KeyRing
from auth_service.tokens.revocations import revoke
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.errors import Unauthenticated
from shared.ids import uuid7
from shared.security.principal import Principal, SessionId, UserId
from shared.security.tokens import TokenIssuer


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
        issuer = TokenIssuer(self.keys.signing_key(), self.clock)
        principal = Principal(
            account.id, session, account.roles, scopes_of(account.roles), account.guest
        )
        return LoggedIn(issuer.issue(principal), secret.token, expires_at, account)


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


@dataclass(frozen=True, slots=True)
class RefreshSession:
    """Exchange a refresh token for a new pair; each is good for one use.

    Raises `RefreshTokenInvalid`, `RefreshTokenExpired`, `RefreshTokenRevoked`, and
    `RefreshTokenReused` after it has ended the session.
    """

    database: Database
    issue: IssueTokens
    end_sessions: EndSessions
    clock: Clock

    async def __call__(self, refresh_token: str) -> LoggedIn:
        """The new pair."""
        token_hash = hash_of(refresh_token)
        async with self.database.transaction() as tx:
            token = await Sessions(tx).lock_token(token_hash)
            if token is None:
                raise RefreshTokenInvalid
            now = self.clock.now()
            use = judge(token, now)
            if use is Use.GOOD:
                await Sessions(tx).mark_used(token_hash, now)
                return await self.issue(tx, token.session_id, token.account)
            if use is Use.REUSED:
                await self.end_sessions.one(
                    tx, token.session_id, token.account.id, "refresh_token_reused"
                )
        raise _REFUSALS[use]


_REFUSALS: dict[Use, type[Unauthenticated]] = {
    Use.REVOKED: RefreshTokenRevoked,
    Use.EXPIRED: RefreshTokenExpired,
    Use.REUSED: RefreshTokenReused,
}


@dataclass(frozen=True, slots=True)
class LogOut:
    """End the caller's session, and that of a refresh token of theirs when one is given."""

    database: Database
    end_sessions: EndSessions

    async def __call__(self, caller: Principal, refresh_token: str | None) -> None:
        """Another user's refresh token is left alone."""
        async with self.database.transaction() as tx:
            await self.end_sessions.one(tx, caller.session_id, caller.id, "logged_out")
            if refresh_token is None:
                return
            session = await Sessions(tx).of_token(hash_of(refresh_token))
            if session is not None:
                await self.end_sessions.one(tx, session, caller.id, "logged_out")
