"""Verification and recovery over HTTP."""

from dataclasses import dataclass

from starlette.requests import Request

from auth_service.accounts.domain import (
    AccountGone,
    AccountSuspended,
    EmailTaken,
    checked_email,
)
from auth_service.accounts.passwords import TooBusy
from auth_service.device import device_of
from auth_service.recovery.change_email import AskToChangeEmail, ConfirmEmail
from auth_service.recovery.domain import TooManyMails
from auth_service.recovery.reset_password import AskForReset, ResetPassword
from auth_service.recovery.schemas import Done, EmailRequest, PasswordReset, TokenRequest
from auth_service.recovery.verify_email import ResendVerification, VerifyEmail
from auth_service.sessions.domain import ReauthenticationRequired
from auth_service.tickets.domain import TicketInvalid
from shared.http.endpoint import endpoint
from shared.security.principal import Principal

_TOKEN = "x6Ck2m0wJt4n8sFq1vRyB7uZpLdA3hGeXiOoTcWbNkE"  # noqa: S105 - an example
_EMAIL = EmailRequest("mina@example.com")
_LIMITS = "An account gets one such mail a minute and five an hour at most."
_UNTOLD = "The answer and its time are the same whether or not there is such an account. "

_VERIFIED = Done("The e-mail address is confirmed")
_RESENT = Done("If an account waits for this address to be confirmed, a mail is on its way")
_ASKED = Done("If an account has this address, a mail is on its way")
_RESET = Done("The new password counts; log in with it")
_CHANGE_ASKED = Done("A mail is on its way to the new address; open the link in it")
_CHANGED = Done("The e-mail address has been changed")


@dataclass(frozen=True, slots=True)
class RecoveryEndpoints:
    """Addresses are proven, passwords reset, addresses changed: all by links in mails."""

    verify: VerifyEmail
    resend: ResendVerification
    ask_for_reset: AskForReset
    reset: ResetPassword
    ask_to_change: AskToChangeEmail
    confirm: ConfirmEmail

    @endpoint(
        "POST",
        "/api/auth/verify-email",
        summary="Confirm an e-mail address",
        tag="recovery",
        description="With the token of the link in a mail, which is good for 24 hours and one use.",
        body_example=TokenRequest(_TOKEN),
        example=_VERIFIED,
        errors=(TicketInvalid,),
    )
    async def verify_email(self, body: TokenRequest, request: Request) -> Done:
        """The address is proven."""
        await self.verify(body.token, device_of(request))
        return _VERIFIED

    @endpoint(
        "POST",
        "/api/auth/verify-email/resend",
        status=202,
        summary="Ask for the mail that confirms an address once more",
        tag="recovery",
        description=_UNTOLD + _LIMITS,
        body_example=_EMAIL,
        example=_RESENT,
    )
    async def resend_verification(self, body: EmailRequest, request: Request) -> Done:
        """A mail is sent, or not."""
        await self.resend(checked_email(body.email), device_of(request))
        return _RESENT

    @endpoint(
        "POST",
        "/api/auth/password/forgot",
        status=202,
        summary="Ask for a link to choose a new password",
        tag="recovery",
        description=_UNTOLD + _LIMITS + " A newer link makes the older one useless.",
        body_example=_EMAIL,
        example=_ASKED,
    )
    async def forgot_password(self, body: EmailRequest, request: Request) -> Done:
        """A mail is sent, or not."""
        await self.ask_for_reset(checked_email(body.email), device_of(request))
        return _ASKED

    @endpoint(
        "POST",
        "/api/auth/password/reset",
        summary="Choose a new password by the link of a mail",
        tag="recovery",
        description="The link is good for 30 minutes and one use; a password that breaks a rule "
        "does not use it up. All sessions of the account end, and its address counts as "
        "confirmed. Second factors are needed as before; but where the address was never confirmed "
        "before, second factors, linked accounts and API keys go, since somebody else may have "
        "registered with it.",
        body_example=PasswordReset(_TOKEN, "Correct7Horse"),
        example=_RESET,
        errors=(TicketInvalid, AccountSuspended, TooBusy),
    )
    async def reset_password(self, body: PasswordReset, request: Request) -> Done:
        """The new password counts."""
        await self.reset(body.token, body.password, device_of(request))
        return _RESET

    @endpoint(
        "POST",
        "/api/auth/email",
        status=202,
        summary="Ask for another e-mail address",
        tag="recovery",
        description="Nothing changes until the link in the mail to the new address is opened, "
        "within an hour. If another account has the address, the answer is the same and its "
        "owner is told. Needs a proof of identity of the last ten minutes. " + _LIMITS,
        body_example=EmailRequest("mina@example.org"),
        example=_CHANGE_ASKED,
        errors=(ReauthenticationRequired, AccountGone, TooManyMails),
        guests=False,
    )
    async def change_email(self, body: EmailRequest, request: Request, caller: Principal) -> Done:
        """A mail is sent to the new address."""
        await self.ask_to_change(caller, checked_email(body.email), device_of(request))
        return _CHANGE_ASKED

    @endpoint(
        "POST",
        "/api/auth/email/confirm",
        summary="Confirm another e-mail address",
        tag="recovery",
        description="With the token of the link in the mail to the new address. The old address "
        "is told, and sessions other than the one that asked are ended.",
        body_example=TokenRequest(_TOKEN),
        example=_CHANGED,
        errors=(TicketInvalid, EmailTaken, AccountSuspended),
    )
    async def confirm_email(self, body: TokenRequest, request: Request) -> Done:
        """The address is changed."""
        await self.confirm(body.token, device_of(request))
        return _CHANGED
