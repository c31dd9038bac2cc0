"""Another e-mail address for an account; the old one stays until the new one is proven."""

from dataclasses import dataclass
from math import ceil
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from auth_service.accounts.domain import (
    Account,
    AccountGone,
    AccountSuspended,
    EmailTaken,
    email_key,
)
from auth_service.accounts.repository import Accounts
from auth_service.audit.domain import Action
from auth_service.audit.repository import AuditLog
from auth_service.device import Device
from auth_service.mail.domain import (
    REMEMBERED_FOR,
    Letter,
    Template,
    circumstances,
    next_letter_at,
)
from auth_service.mail.repository import Mails
from auth_service.mail.use_cases import WriteLetter
from auth_service.recovery.domain import LIFETIMES, Links, TooManyMails
from auth_service.recovery.repository import Addresses
from auth_service.sessions.use_cases import EndSessions, RequireRecent, require_session
from auth_service.tickets.domain import Purpose, TicketInvalid
from auth_service.tickets.repository import Tickets
from shared.clock import Clock
from shared.db.database import Database, Transaction
from shared.errors import FieldError, Invalid
from shared.security.principal import Principal, SessionId

_ASKED = (Template.CHANGE_EMAIL, Template.ALREADY_REGISTERED)


@dataclass(frozen=True, slots=True)
class AskToChangeEmail:
    """Send a link to the new address; if it is another account's, tell its owner instead.

    The caller learns from neither the answer nor its time which of the two it was. Raises
    `ReauthenticationRequired`, `TooManyMails`, `AccountGone`, and `Invalid` for one's own address.
    """

    database: Database
    require_recent: RequireRecent
    write_letter: WriteLetter
    links: Links
    clock: Clock

    async def __call__(self, caller: Principal, email: str, device: Device) -> None:
        """A letter is written; nothing else changes."""
        await self.require_recent(caller)
        async with self.database.transaction() as tx:
            account = await Accounts(tx).lock(caller.id)
            if account is None:
                raise AccountGone
            await require_session(tx, caller)
            if account.email is not None and email_key(account.email) == email_key(email):
                raise Invalid(errors=(FieldError("email", "is your address already"),))
            await self._require_pause(tx, account)
            other = await Addresses(tx).owner(email)
            letter = await self._letter(tx, account, other, email, caller.session_id, device)
            await self.write_letter(tx, letter, account.id, LIFETIMES[Purpose.CHANGE_EMAIL])
            await AuditLog(tx).add(
                Action.EMAIL_CHANGE_ASKED, self.clock.now(), device, subject=account.id
            )

    async def _require_pause(self, tx: Transaction, account: Account) -> None:
        now = self.clock.now()
        written = await Mails(tx).written_to(account.id, _ASKED, now - REMEMBERED_FOR)
        if (next_at := next_letter_at(written, now)) > now:
            raise TooManyMails(
                "One a minute, and five an hour, can be asked for.",
                headers={"retry-after": str(ceil((next_at - now).total_seconds()))},
            )

    async def _letter(
        self,
        tx: Transaction,
        account: Account,
        other: Account | None,
        email: str,
        session: SessionId,
        device: Device,
    ) -> Letter:
        purpose = Purpose.CHANGE_EMAIL
        await Tickets(tx).withdraw(purpose, account.id)
        token = await Tickets(tx).issue(
            purpose,
            account.id if other is None else None,
            self.clock.now(),
            LIFETIMES[purpose],
            {"email": email if other is None else "", "session": str(session)},
        )
        values = {"link": self.links.to(purpose, token), **circumstances(device)}
        if other is None:
            values["handle"] = account.handle
            return Letter(Template.CHANGE_EMAIL, email, device.languages, values)
        recipient = "" if other.suspended else other.email or ""
        return Letter(Template.ALREADY_REGISTERED, recipient, other.language, values)


@dataclass(frozen=True, slots=True)
class ConfirmEmail:
    """Use up the link that was sent to the new address, which counts from then on.

    The old address is told, and sessions other than the one that asked are ended. Raises
    `TicketInvalid`, `AccountSuspended`, and `EmailTaken` when somebody else has it by now.
    """

    database: Database
    end_sessions: EndSessions
    write_letter: WriteLetter
    clock: Clock

    async def __call__(self, token: str, device: Device) -> None:
        """The address is changed."""
        try:
            await self._change(token, device)
        except IntegrityError as error:
            if "users_email_key" not in str(error.orig):
                raise
            raise EmailTaken from None

    async def _change(self, token: str, device: Device) -> None:
        now = self.clock.now()
        async with self.database.transaction() as tx:
            ticket = await Tickets(tx).redeem(Purpose.CHANGE_EMAIL, token, now)
            owner = await Accounts(tx).lock(ticket.user_id) if ticket.user_id else None
            if owner is None:
                raise TicketInvalid
            if owner.suspended:
                raise AccountSuspended
            await Addresses(tx).change(owner.id, ticket.data["email"], now)
            for purpose in (Purpose.VERIFY_EMAIL, Purpose.RESET_PASSWORD):
                await Tickets(tx).withdraw(purpose, owner.id)
            session = SessionId(UUID(ticket.data["session"]))
            await self.end_sessions.all(tx, owner.id, "email_changed", kept=session)
            await self._tell(tx, owner, device)
            await AuditLog(tx).add(Action.EMAIL_CHANGED, now, device, subject=owner.id)

    async def _tell(self, tx: Transaction, owner: Account, device: Device) -> None:
        if owner.email is None:
            return
        values = {"handle": owner.handle, **circumstances(device)}
        letter = Letter(Template.EMAIL_CHANGED, owner.email, device.languages, values)
        await self.write_letter(tx, letter, owner.id)
