"""Staying logged in: a refresh token is exchanged for a new pair, and what its reuse means."""

from dataclasses import dataclass
from datetime import datetime

from auth_service.accounts.domain import AccountSuspended
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.mail.domain import Letter, Template, circumstances
from auth_service.mail.use_cases import WriteLetter
from auth_service.secrets import hash_of, new_secret
from auth_service.sessions.domain import (
    RefreshToken,
    RefreshTokenExpired,
    RefreshTokenInvalid,
    RefreshTokenReused,
    RefreshTokenRevoked,
    SessionTooOld,
    Use,
    judge,
)
from auth_service.sessions.repository import Sessions
from auth_service.sessions.use_cases import EndSessions, IssueTokens, LoggedIn
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.errors import Unauthenticated


@dataclass(frozen=True, slots=True)
class RefreshSession:
    """Exchange a refresh token for a new pair; each is good for one use.

    Raises `RefreshTokenInvalid`, `RefreshTokenExpired`, `SessionTooOld`, `RefreshTokenRevoked`,
    `AccountSuspended`, and `RefreshTokenReused` after it has ended the session.
    """

    database: Database
    issue: IssueTokens
    end_sessions: EndSessions
    write_letter: WriteLetter
    clock: Clock

    async def __call__(self, refresh_token: str, device: Device) -> LoggedIn:
        """The new pair."""
        token_hash, secret, now = hash_of(refresh_token), new_secret(), self.clock.now()
        refreshed = await Sessions(self.database.hot).use_first(
            token_hash, secret.hash, now, self.issue.limits, device.address
        )
        if refreshed is None:  # seldom
            return await self._judge(token_hash, device)
        session, account, expires_at = refreshed
        return self.issue.pair(session, account, secret.token, expires_at)

    async def _judge(self, token_hash: bytes, device: Device) -> LoggedIn:
        async with self.database.transaction() as tx:
            token = await Sessions(tx).lock_token(token_hash)
            if token is None:
                raise RefreshTokenInvalid
            now = self.clock.now()
            use = judge(token, now)
            if use is Use.GOOD:
                if token.account.suspended:
                    raise AccountSuspended
                await Sessions(tx).mark_used(token_hash, now)
                await Sessions(tx).touch(token.session_id, now, device.address)
                return await self.issue(tx, token.session_id, token.account)
            if use is Use.REUSED:
                await self._end_stolen(tx, token, now, device)
        raise _REFUSALS[use]

    async def _end_stolen(
        self, tx: Transaction, token: RefreshToken, now: datetime, device: Device
    ) -> None:
        """Nobody knows which of the two who had the token is the owner; so neither goes on."""
        account = token.account
        await self.end_sessions.one(tx, token.session_id, account.id, "refresh_token_reused")
        details = {"session": str(token.session_id)}
        await AuditLog(tx).add(
            Action.TOKEN_REUSED, now, device, subject=account.id, details=details
        )
        if account.email is not None:
            values = {"handle": account.handle, **circumstances(device)}
            # in the language of the account: the device may be the thief's
            letter = Letter(Template.SESSIONS_STOLEN, account.email, account.language, values)
            await self.write_letter(tx, letter, account.id)


_REFUSALS: dict[Use, type[Unauthenticated]] = {
    Use.REVOKED: RefreshTokenRevoked,
    Use.TOO_OLD: SessionTooOld,
    Use.EXPIRED: RefreshTokenExpired,
    Use.REUSED: RefreshTokenReused,
}
