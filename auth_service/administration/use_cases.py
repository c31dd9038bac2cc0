"""What administrators do."""

from dataclasses import dataclass

from auth_service.accounts.domain import Account
from auth_service.accounts.permissions import scopes_of
from auth_service.accounts.repository import Accounts
from auth_service.administration.domain import LastAdmin, NotYourself, UserNotFound
from auth_service.administration.repository import Users
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.sessions.use_cases import EndSessions
from auth_service.tokens.revocations import revoke
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.security.principal import UserId


@dataclass(frozen=True, slots=True)
class SuspendUser:
    """Keep somebody out: sessions and API keys are refused everywhere at once.

    Raises `UserNotFound`, `NotYourself`, and `LastAdmin`.
    """

    database: Database
    end_sessions: EndSessions
    clock: Clock

    async def __call__(self, actor: UserId, user: UserId, reason: str, device: Device) -> None:
        """Nothing happens to who is suspended already."""
        if actor == user:
            raise NotYourself
        now = self.clock.now()
        async with self.database.transaction() as tx:
            await require_other_admin(tx, await _locked(tx, user))
            if not await Users(tx).suspend(user, reason, now):
                return
            await self.end_sessions.all(tx, user, "suspended")
            await revoke(tx, await Users(tx).keys_of(user), user, now)
            await AuditLog(tx).add(
                Action.SUSPENDED, now, device, subject=user, actor=actor, details={"reason": reason}
            )


@dataclass(frozen=True, slots=True)
class UnsuspendUser:
    """Let somebody in again; raises `UserNotFound`."""

    database: Database
    clock: Clock

    async def __call__(self, actor: UserId, user: UserId, device: Device) -> None:
        """API keys work again once no access token is left that was refused: 15 minutes at most."""
        async with self.database.transaction() as tx:
            await _locked(tx, user)
            if await Users(tx).unsuspend(user):
                await AuditLog(tx).add(
                    Action.UNSUSPENDED, self.clock.now(), device, subject=user, actor=actor
                )


@dataclass(frozen=True, slots=True)
class SetRoles:
    """Say what somebody may do; raises `UserNotFound` and `LastAdmin`.

    Whoever loses something is logged out, so that no access token goes on saying otherwise.
    """

    database: Database
    end_sessions: EndSessions
    clock: Clock

    async def __call__(
        self, actor: UserId | None, user: UserId, roles: tuple[str, ...], device: Device
    ) -> None:
        """`actor` is None for whoever sits at the machine itself."""
        now = self.clock.now()
        async with self.database.transaction() as tx:
            account = await _locked(tx, user)
            if account.roles == roles:
                return
            if "admin" not in roles:
                await require_other_admin(tx, account)
            await Users(tx).set_roles(user, roles)
            if not set(scopes_of(account.roles)) <= set(scopes_of(roles)):
                await self.end_sessions.all(tx, user, "roles_changed")
                await revoke(tx, await Users(tx).keys_of(user), user, now)
            details = {"before": account.roles, "after": roles}
            await AuditLog(tx).add(
                Action.ROLES_CHANGED, now, device, subject=user, actor=actor, details=details
            )


@dataclass(frozen=True, slots=True)
class LogOutEverywhere:
    """End all sessions of somebody else; raises `UserNotFound`."""

    database: Database
    end_sessions: EndSessions
    clock: Clock

    async def __call__(self, actor: UserId, user: UserId, device: Device) -> int:
        """How many there were."""
        async with self.database.transaction() as tx:
            await _locked(tx, user)
            ended = await self.end_sessions.all(tx, user, "ended_by_admin")
            await AuditLog(tx).add(
                Action.SESSIONS_ENDED, self.clock.now(), device, subject=user, actor=actor,
                details={"sessions": ended},
            )  # fmt: skip
        return ended


async def _locked(tx: Transaction, user: UserId) -> Account:
    """The account; roles and suspensions change one after the other, so that an admin remains."""
    await Users(tx).lock_roles()
    if (account := await Accounts(tx).lock(user)) is None:
        raise UserNotFound
    return account


async def require_other_admin(tx: Transaction, account: Account) -> None:
    """Raise `LastAdmin` when nobody but the owner of `account` is an administrator."""
    if "admin" not in account.roles:
        return
    await Users(tx).lock_roles()
    if not await Users(tx).has_admin_besides(account.id):
        raise LastAdmin
