"""Logging in and out over HTTP."""

from dataclasses import dataclass

from starlette.requests import Request

from auth_service.accounts.domain import AccountSuspended
from auth_service.accounts.passwords import TooBusy
from auth_service.accounts.schemas import EXAMPLE_ACCOUNT
from auth_service.delays.domain import LoginDelayed
from auth_service.device import device_of
from auth_service.sessions.bodies import read_credentials, read_log_out
from auth_service.sessions.domain import (
    RefreshTokenExpired,
    RefreshTokenInvalid,
    RefreshTokenReused,
    RefreshTokenRevoked,
    SecondFactorRequired,
    WrongCredentials,
)
from auth_service.sessions.log_in import LogIn
from auth_service.sessions.schemas import (
    CREDENTIALS_FORM,
    Credentials,
    LoggedOut,
    RefreshRequest,
    TokensView,
)
from auth_service.sessions.use_cases import LogOut, RefreshSession
from shared.errors import Invalid, Malformed, TooLarge, UnsupportedType
from shared.http.endpoint import endpoint
from shared.security.principal import Principal

_REFRESH_TOKEN = "x6Ck2m0wJt4n8sFq1vRyB7uZpLdA3hGeXiOoTcWbNkE"  # noqa: S105 - an example
_ACCESS_TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJtaW5hIn0.c2lnbmF0dXJl"  # noqa: S105 - an example
_TOKENS = TokensView(_ACCESS_TOKEN, _REFRESH_TOKEN, 900, EXAMPLE_ACCOUNT)
_CREDENTIALS = Credentials(username="mina@example.com", password="Correct7Horse")  # noqa: S106
_LOGGED_OUT = LoggedOut("Logged out")


@dataclass(frozen=True, slots=True)
class SessionEndpoints:
    """Log in, stay logged in, log out."""

    log_in: LogIn
    refresh_session: RefreshSession
    log_out: LogOut

    @endpoint(
        "POST",
        "/api/auth/login",
        aliases=("/api/users/login",),
        summary="Log in",
        tag="auth",
        description="With an e-mail address or a handle as `username`, as a form or as JSON; "
        "JSON may say `email` instead. An unknown user and a wrong password get the same answer. "
        "After five failures the next try has to wait, longer each time.",
        accepts="application/x-www-form-urlencoded",
        body_schema=CREDENTIALS_FORM,
        body_example=_CREDENTIALS,
        example=_TOKENS,
        errors=(
            WrongCredentials,
            SecondFactorRequired,
            AccountSuspended,
            LoginDelayed,
            Malformed,
            TooLarge,
            UnsupportedType,
            Invalid,
            TooBusy,
        ),
    )
    async def login(self, request: Request) -> TokensView:
        """A new session."""
        credentials = await read_credentials(request)
        device = device_of(request)
        return TokensView.of(await self.log_in(credentials.login, credentials.password, device))

    @endpoint(
        "POST",
        "/api/auth/refresh",
        summary="Exchange a refresh token for a new pair",
        tag="auth",
        description="A refresh token is good for one use. A second use more than 10 seconds "
        "after the first ends the session, since one of the two users must have stolen it.",
        body_example=RefreshRequest(_REFRESH_TOKEN),
        example=_TOKENS,
        errors=(RefreshTokenInvalid, RefreshTokenExpired, RefreshTokenReused, RefreshTokenRevoked),
    )
    async def refresh(self, body: RefreshRequest) -> TokensView:
        """A new pair of the same session."""
        return TokensView.of(await self.refresh_session(body.refresh_token))

    @endpoint(
        "POST",
        "/api/auth/logout",
        summary="Log out",
        tag="auth",
        description="Ends the session of the access token, which is refused from then on. "
        'A body is not needed; `{"refresh_token": "…"}` ends the session of that token, too.',
        example=_LOGGED_OUT,
        errors=(Malformed, TooLarge, Invalid),
    )
    async def logout(self, request: Request, caller: Principal) -> LoggedOut:
        """The session is over."""
        body = await read_log_out(request)
        await self.log_out(caller, body.refresh_token)
        return _LOGGED_OUT
