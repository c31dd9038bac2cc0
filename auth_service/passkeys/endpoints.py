"""Passkeys over HTTP: those of the caller."""

from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request

from auth_service.accounts.domain import AccountGone
from auth_service.device import device_of
from auth_service.factors.domain import ChallengeInvalid, LastWayIn
from auth_service.passkeys.domain import (
    PasskeyNotFound,
    PasskeyRefused,
    PasskeyTaken,
    RelyingParty,
    TooManyPasskeys,
    WrongOrigin,
    checked_name,
)
from auth_service.passkeys.schemas import (
    EXAMPLE_CREATION,
    EXAMPLE_NEW_PASSKEY,
    EXAMPLE_PASSKEY,
    NewPasskey,
    PasskeyList,
    PasskeyName,
    PasskeyOptions,
    PasskeyView,
    RegisteredPasskey,
)
from auth_service.passkeys.use_cases import (
    BeginPasskey,
    ListPasskeys,
    RegisterPasskey,
    RemovePasskey,
    RenamePasskey,
)
from auth_service.recovery_codes.schemas import EXAMPLE_CODES
from auth_service.sessions.domain import ReauthenticationRequired
from auth_service.sessions.use_cases import RequireRecent
from shared.http.endpoint import endpoint
from shared.security.principal import Principal


@dataclass(frozen=True, slots=True)
class PasskeyEndpoints:
    """Register, list, rename and remove passkeys."""

    party: RelyingParty
    begin_passkey: BeginPasskey
    register_passkey: RegisterPasskey
    list_passkeys: ListPasskeys
    rename_passkey: RenamePasskey
    remove_passkey: RemovePasskey
    require_recent: RequireRecent

    @endpoint(
        "POST",
        "/api/auth/passkeys/options",
        summary="Ask for what registers a passkey",
        tag="passkeys",
        description="For `navigator.credentials.create()`, within five minutes. Devices that hold "
        "a passkey of yours make no second one.",
        example=EXAMPLE_CREATION,
        errors=(ReauthenticationRequired, WrongOrigin, TooManyPasskeys, AccountGone),
        guests=False,
    )
    async def creation_options(self, caller: Principal, request: Request) -> PasskeyOptions:
        """A challenge, and the wishes for the new passkey."""
        check_page(self.party, request)
        await self.require_recent(caller)
        return PasskeyOptions(await self.begin_passkey(caller))

    @endpoint(
        "POST",
        "/api/auth/passkeys",
        status=201,
        summary="Register a passkey",
        tag="passkeys",
        description="With the `toJSON()` of what `navigator.credentials.create()` gave. From now "
        "on logging in with the password needs a second factor, too. With the first one of an "
        "account come its recovery codes, which are shown here alone.",
        body_example=EXAMPLE_NEW_PASSKEY,
        example=RegisteredPasskey(EXAMPLE_PASSKEY, EXAMPLE_CODES.recovery_codes),
        errors=(
            ChallengeInvalid,
            WrongOrigin,
            PasskeyRefused,
            PasskeyTaken,
            TooManyPasskeys,
            AccountGone,
        ),
        guests=False,
    )
    async def register(
        self, body: NewPasskey, caller: Principal, request: Request
    ) -> RegisteredPasskey:
        """The passkey."""
        name = checked_name(body.name)
        passkey, codes = await self.register_passkey(
            caller, name, body.credential, device_of(request)
        )
        return RegisteredPasskey(PasskeyView.of(passkey), codes)

    @endpoint(
        "GET",
        "/api/auth/passkeys",
        summary="List your passkeys",
        tag="passkeys",
        example=PasskeyList((EXAMPLE_PASSKEY,)),
        guests=False,
    )
    async def passkeys(self, caller: Principal) -> PasskeyList:
        """The oldest first."""
        return PasskeyList(tuple(PasskeyView.of(one) for one in await self.list_passkeys(caller)))

    @endpoint(
        "PATCH",
        "/api/auth/passkeys/{passkey_id}",
        summary="Rename a passkey",
        tag="passkeys",
        body_example=PasskeyName("Mina's phone"),
        example=EXAMPLE_PASSKEY,
        errors=(PasskeyNotFound,),
        guests=False,
    )
    async def rename(self, passkey_id: UUID, body: PasskeyName, caller: Principal) -> PasskeyView:
        """The passkey with its new name."""
        name = checked_name(body.name)
        return PasskeyView.of(await self.rename_passkey(caller, passkey_id, name))

    @endpoint(
        "DELETE",
        "/api/auth/passkeys/{passkey_id}",
        status=204,
        summary="Remove a passkey",
        tag="passkeys",
        description="Not the last one of an account that has neither a password nor a linked "
        "log-in: nobody could enter it any more.",
        errors=(ReauthenticationRequired, PasskeyNotFound, LastWayIn),
        guests=False,
    )
    async def remove(self, passkey_id: UUID, caller: Principal, request: Request) -> None:
        """It does not log in any more."""
        await self.require_recent(caller)
        await self.remove_passkey(caller, passkey_id, device_of(request))


def check_page(party: RelyingParty, request: Request) -> None:
    """Raise `WrongOrigin` at once where a browser would say no more than "SecurityError"."""
    if (origin := request.headers.get("origin")) is not None:
        party.check(origin)
