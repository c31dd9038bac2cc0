"""Logging in, staying logged in, logging out."""

from dataclasses import dataclass

from auth_service.accounts.domain import Account
from auth_service.accounts.passwords import Passwords
from auth_service.accounts.repository import Accounts
from auth_service.events import SessionRevoked
from auth_service.sessions.domain import (
    RefreshTokenExpired,
    RefreshTokenInvalid,
    RefreshTokenReused,
    RefreshTokenRevoked,
    Use,
    WrongCredentials,
    hash_of,
    judge,
    new_secret,
)
from auth_service.sessions.repository import Sessions
from auth_service.tokens.keyring import KeyRing
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.errors import Unauthenticated
from shared.ids import uuid7
from shared.security.principal import Principal, SessionId, UserId
from shared.security.revocations import Revocation, Revocations
from shared.security.tokens import TokenIssuer


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A fresh pair of tokens and their owner."""

    access_token: str
    refresh_token: str
    account: Account


@dataclass(frozen=True, slots=True)
class IssueTokens:
    """Make a pair of tokens for a session, in the transaction of the caller."""

    keys: KeyRing
    clock: Clock

    async def __call__(self, tx: Transaction, session: SessionId, account: Account) -> LoggedIn:
        """The pair; the refresh token joins the family of the session."""
        secret = new_secret()
        await Sessions(tx).add_token(session, secret.hash, self.clock.now())
        issuer = TokenIssuer(self.keys.signing_key(), self.clock)
        access_token = issuer.issue(Principal(account.id, session, account.roles))
        return LoggedIn(access_token, secret.token, account)


@dataclass(frozen=True, slots=True)
class LogIn:
    """Start a session for whoever knows a password; raises `WrongCredentials`."""

    database: Database
    passwords: Passwords
    issue: IssueTokens
    clock: Clock

    async def __call__(self, login: str, password: str) -> LoggedIn:
        """`login` is an e-mail address or a handle."""
        found = await Accounts(self.database).find_with_hash(login)
        account, hashed = found or (None, None)
        right = await self.passwords.verify(password, hashed)
        if account is None or not right:
            raise WrongCredentials
        session = SessionId(uuid7())
        async with self.database.transaction() as tx:
            await Sessions(tx).start(session, account.id, self.clock.now())
            return await self.issue(tx, session, account)


@dataclass(frozen=True, slots=True)
class EndSession:
    """Revoke a session and tell everybody."""

    database: Database
    revocations: Revocations
    clock: Clock

    async def __call__(self, session: SessionId, owner: UserId, reason: str) -> None:
        """Do nothing when it has ended before, or is not `owner`'s."""
        async with self.database.transaction() as tx:
            ended = await self.within(tx, session, owner, reason)
        self.refuse(ended)

    async def within(
        self, tx: Transaction, session: SessionId, owner: UserId, reason: str
    ) -> Revocation | None:
        """As a part of `tx`: what to `refuse` once it has committed."""
        now = self.clock.now()
        if not await Sessions(tx).revoke(session, owner, now, reason):
            return None
        tx.announce(SessionRevoked(session, owner, now))
        return Revocation(session, now)

    def refuse(self, ended: Revocation | None) -> None:
        """Refuse the session in this process at once; the others hear the event."""
        if ended is not None:
            self.revocations.add(ended)


@dataclass(frozen=True, slots=True)
class RefreshSession:
    """Exchange a refresh token for a new pair; each is good for one use.

    Raises `RefreshTokenInvalid`, `RefreshTokenExpired`, `RefreshTokenRevoked`, and
    `RefreshTokenReused` after it has revoked the session.
    """

    database: Database
    issue: IssueTokens
    end_session: EndSession
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
            ended = None
            if use is Use.REUSED:
                ended = await self.end_session.within(
                    tx, token.session_id, token.account.id, "refresh_token_reused"
                )
        self.end_session.refuse(ended)
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
    end_session: EndSession

    async def __call__(self, caller: Principal, refresh_token: str | None) -> None:
        """Another user's refresh token is left alone."""
        await self.end_session(caller.session_id, caller.id, "logged_out")
        if refresh_token is None:
            return
        session = await Sessions(self.database).of_token(hash_of(refresh_token))
        if session is not None and session != caller.session_id:
            await self.end_session(session, caller.id, "logged_out")
