"""Another password for somebody who is logged in."""

from collections.abc import Container, Iterable
from dataclasses import dataclass

from auth_service.accounts.domain import Account, AccountGone
from auth_service.accounts.password_rules import require_good
from auth_service.accounts.passwords import Passwords, TooBusy
from auth_service.accounts.repository import Accounts
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.delays.domain import Use
from auth_service.delays.use_cases import Delays
from auth_service.device import Device
from auth_service.mail.domain import Letter, Template, circumstances
from auth_service.mail.use_cases import WriteLetter
from auth_service.proofs.domain import ProofRefused
from auth_service.sessions.use_cases import EndSessions, RequireRecent
from auth_service.tickets.domain import Purpose
from auth_service.tickets.repository import Tickets
from shared.clock import Clock
from shared.db.database import Database
from shared.errors import Conflict, FieldError, Invalid
from shared.security.principal import Principal

_OVER_WITH_THE_PASSWORD = (Purpose.RESET_PASSWORD, Purpose.CHANGE_EMAIL, Purpose.SECOND_FACTOR)
"""What somebody may have begun who knew the old one, or was logged in elsewhere."""


class PasswordChangedMeanwhile(Conflict):
    """Two changes at once; this is the one that came second."""

    code, title = "password_changed_meanwhile", "The password has just been changed"


@dataclass(frozen=True, slots=True)
class CheckOwnPassword:
    """Let the caller prove by the password that the session is in its owner's hands."""

    database: Database
    passwords: Passwords
    delays: Delays
    clock: Clock

    async def __call__(
        self, caller: Principal, hashed: str, password: str, device: Device, field: str
    ) -> None:
        """Raises `ProofRefused`, `LoginDelayed` and `TooBusy`."""
        at_home = await self.delays.is_at_home(caller.id, device)
        keys = self.delays.keys(Use.CHANGE_PASSWORD, str(caller.id), device, at_home=at_home)
        await self.delays.check(keys, field)
        try:
            is_right = await self.passwords.verify(password, hashed)
        except TooBusy:
            await self.delays.not_tried(keys)
            raise
        if not is_right:
            await AuditLog(self.database).add(
                Action.FACTOR_FAILED,
                self.clock.now(),
                device,
                subject=caller.id,
                details={"factor": "password", "purpose": "change_password"},
            )
            raise ProofRefused(
                "The password is wrong.", errors=(FieldError(field, "is not your password"),)
            )
        await self.delays.succeeded(keys)


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Set a password, and end every other session of its owner.

    Who has a password proves to know it; who has none must have logged in lately. Raises `Invalid`,
    `AccountGone`, `PasswordChangedMeanwhile`, and as `CheckOwnPassword` and `RequireRecent`.
    """

    database: Database
    passwords: Passwords
    breached: Container[str]
    check_own_password: CheckOwnPassword
    require_recent: RequireRecent
    end_sessions: EndSessions
    write_letter: WriteLetter
    clock: Clock

    async def __call__(
        self, caller: Principal, current: str | None, new: str, device: Device
    ) -> None:
        """The new password counts from now on."""
        account = await Accounts(self.database).find(caller.id)
        if account is None:
            raise AccountGone
        require_good(new, self.breached, _names_of(account), "new_password")
        old_hash = await Accounts(self.database).hash_of(caller.id)
        if old_hash is None:
            await self.require_recent(caller)
        else:
            await self._prove(caller, old_hash, current, new, device)
        await self._replace(account, caller, old_hash, await self.passwords.hash(new), device)

    async def _prove(
        self, caller: Principal, old_hash: str, current: str | None, new: str, device: Device
    ) -> None:
        if current is None:
            raise Invalid(errors=(FieldError("current_password", "is required"),))
        await self.check_own_password(caller, old_hash, current, device, "current_password")
        if new == current:
            message = "must not be the password that you have"
            raise Invalid(errors=(FieldError("new_password", message),))

    async def _replace(
        self,
        account: Account,
        caller: Principal,
        old_hash: str | None,
        new_hash: str,
        device: Device,
    ) -> None:
        async with self.database.transaction() as tx:
            if not await Accounts(tx).replace_hash(account.id, old_hash, new_hash):
                raise PasswordChangedMeanwhile
            for purpose in _OVER_WITH_THE_PASSWORD:
                await Tickets(tx).withdraw(purpose, account.id)
            ended = await self.end_sessions.all(
                tx, account.id, "password_changed", kept=caller.session_id
            )
            await AuditLog(tx).add(
                Action.PASSWORD_CHANGED,
                self.clock.now(),
                device,
                subject=account.id,
                details={"sessions_ended": ended},
            )
            values = {"handle": account.handle, **circumstances(device)}
            letter = Letter(
                Template.PASSWORD_CHANGED, account.email or "", device.languages, values
            )
            await self.write_letter(tx, letter, account.id)


def _names_of(account: Account) -> Iterable[str]:
    return (account.handle, account.email) if account.email else (account.handle,)
