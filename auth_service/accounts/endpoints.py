"""Accounts over HTTP."""

from collections.abc import Container
from dataclasses import dataclass

from starlette.requests import Request

from auth_service.accounts.change_password import ChangePassword, PasswordChangedMeanwhile
from auth_service.accounts.domain import AccountGone, EmailTaken, HandleTaken, Registration
from auth_service.accounts.passwords import TooBusy
from auth_service.accounts.schemas import (
    EXAMPLE_ACCOUNT,
    AccountView,
    NewAccount,
    PasswordChange,
    Registered,
)
from auth_service.accounts.use_cases import ReadAccount, RegisterAccount
from auth_service.delays.domain import LoginDelayed
from auth_service.device import device_of
from auth_service.guests.naming import guest_of
from auth_service.proofs.domain import ProofRefused
from auth_service.sessions.delivery import TokenDelivery
from auth_service.sessions.domain import ForeignOrigin, ReauthenticationRequired
from shared.http.endpoint import endpoint
from shared.security.principal import Principal

_REGISTERED = "User registered successfully"


@dataclass(frozen=True, slots=True)
class AccountEndpoints:
    """Registration, and the caller's own account."""

    register_account: RegisterAccount
    read_account: ReadAccount
    breached: Container[str]
    delivery: TokenDelivery

    @endpoint(
        "POST",
        "/api/auth/register",
        status=201,
        summary="Register an account",
        tag="auth",
        description="A password needs 8 characters, an upper-case letter, a lower-case letter and "
        "a digit, and must not be known from data breaches. E-mail address and handle are "
        "unique without regard to case. With `guest_refresh_token` the account is that guest's: "
        "everything stays theirs, under the same id. Their session ends; log in next.",
        body_example=NewAccount("mina@example.com", "Correct7Horse", "mina"),
        example=Registered(_REGISTERED, EXAMPLE_ACCOUNT),
        errors=(EmailTaken, HandleTaken, ForeignOrigin, TooBusy),
    )
    async def register(self, body: NewAccount, request: Request) -> Registered:
        """Check the wishes, make the account."""
        wanted = Registration.checked(body.email, body.user_handle, body.password, self.breached)
        guest = guest_of(body, request, self.delivery)
        account = await self.register_account(wanted, device_of(request), guest)
        return Registered(_REGISTERED, AccountView.of(account))

    @endpoint(
        "GET",
        "/api/auth/me",
        summary="Read your own account",
        tag="auth",
        example=EXAMPLE_ACCOUNT,
        errors=(AccountGone,),
        scope="profile:read",
    )
    async def me(self, caller: Principal) -> AccountView:
        """The caller's account."""
        return AccountView.of(await self.read_account(caller))


@dataclass(frozen=True, slots=True)
class PasswordEndpoints:
    """The caller's password."""

    change_password: ChangePassword

    @endpoint(
        "POST",
        "/api/auth/password",
        status=204,
        summary="Change your password, or set the first one",
        tag="auth",
        description="`current_password` is needed by who has one; who has none (after a social "
        "log-in) must have proved in the last ten minutes who they are. Every other session ends, "
        "and a mail tells of the change.",
        body_example=PasswordChange("Better8Battery", "Correct7Horse"),
        errors=(
            ProofRefused,
            ReauthenticationRequired,
            AccountGone,
            PasswordChangedMeanwhile,
            LoginDelayed,
            TooBusy,
        ),
        guests=False,
    )
    async def set_password(self, body: PasswordChange, caller: Principal, request: Request) -> None:
        """The new password counts from now on."""
        await self.change_password(
            caller, body.current_password, body.new_password, device_of(request)
        )
