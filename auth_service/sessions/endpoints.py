"""Logging in and out over HTTP."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from auth_service.accounts.domain import AccountSuspended, EmailNotVerified
from auth_service.accounts.passwords import TooBusy
from auth_service.delays.domain import LoginDelayed
from auth_service.device import device_of
from auth_service.guests.naming import guest_of
from auth_service.sessions.bodies import read_credentials
from auth_service.sessions.delivery import SETS_COOKIE, TokenDelivery
from auth_service.sessions.domain import (
    ForeignOrigin,
    RefreshTokenExpired,
    RefreshTokenInvalid,
    RefreshTokenMissing,
    RefreshTokenReused,
    RefreshTokenRevoked,
    SecondFactorRequired,
    SessionTooOld,
    TokenPlace,
    WrongCredentials,
)
from auth_service.sessions.log_in import LogIn
from auth_service.sessions.refresh import RefreshSession
from auth_service.sessions.schemas import (
    CREDENTIALS_FORM,
    EXAMPLE_REFRESH_TOKEN,
    EXAMPLE_TOKENS,
    Credentials,
    LoggedOut,
    LogOutRequest,
    RefreshRequest,
)
from auth_service.sessions.use_cases import LogOut
from shared.errors import Invalid, Malformed, TooLarge, UnsupportedType
from shared.http.endpoint import endpoint
from shared.security.principal import Principal

_CREDENTIALS = Credentials(username="mina@example.com", password="Correct7Horse")  # noqa: S106
_LOGGED_OUT = LoggedOut("Logged out")


@dataclass(frozen=True, slots=True)
class SessionEndpoints:
    """Log in, stay logged in, log out."""

    log_in: LogIn
    refresh_session: RefreshSession
    log_out: LogOut
    delivery: TokenDelivery

    @endpoint(
        "POST",
        "/api/auth/login",
        aliases=("/api/users/login",),
        summary="Log in",
        tag="auth",
        description="With an e-mail address or a handle as `username`, as a form or as JSON; "
        "JSON may say `email` instead. An unknown user and a wrong password get the same answer. "
        "After five failures the next try has to wait, longer each time. With "
        "`guest_refresh_token` everything of that guest becomes the user's, and the guest is no "
        "more; nobody is logged in when it is not a guest's.",
        accepts=("application/x-www-form-urlencoded", "application/json"),
        body_schema=CREDENTIALS_FORM,
        body_example=_CREDENTIALS,
        example=EXAMPLE_TOKENS,
        answer_headers=(SETS_COOKIE,),
        errors=(
            WrongCredentials,
            SecondFactorRequired,
            AccountSuspended,
            EmailNotVerified,
            ForeignOrigin,
            LoginDelayed,
            Malformed,
            TooLarge,
            UnsupportedType,
            Invalid,
            TooBusy,
        ),
    )
    async def login(self, request: Request) -> Response:
        """A new session."""
        credentials = await read_credentials(request)
        delivery = self.delivery(credentials.refresh_token_in, request)
        guest = guest_of(credentials, request, self.delivery)
        pair = await self.log_in(credentials.login, credentials.password, device_of(request), guest)
        return delivery.answer(pair)

    @endpoint(
        "POST",
        "/api/auth/refresh",
        summary="Exchange a refresh token for a new pair",
        tag="auth",
        description="A refresh token is good for one use. A second use more than 10 seconds "
        "after the first ends the session, since one of the two users must have stolen it. "
        "Without one in the body, that of the cookie is exchanged, and stays in the cookie.",
        body_example=RefreshRequest(EXAMPLE_REFRESH_TOKEN),
        example=EXAMPLE_TOKENS,
        answer_headers=(SETS_COOKIE,),
        errors=(
            RefreshTokenMissing,
            RefreshTokenInvalid,
            RefreshTokenExpired,
            SessionTooOld,
            RefreshTokenReused,
            RefreshTokenRevoked,
            AccountSuspended,
            ForeignOrigin,
        ),
    )
    async def refresh(self, body: RefreshRequest | None, request: Request) -> Response:
        """A new pair of the same session."""
        wanted = body or RefreshRequest()
        token, place = wanted.refresh_token, wanted.refresh_token_in
        if token is None:
            token, place = self.delivery.cookie_of(request), TokenPlace.COOKIE
        if token is None:
            raise RefreshTokenMissing
        delivery = self.delivery(place, request)
        return delivery.answer(await self.refresh_session(token, device_of(request)))

    @endpoint(
        "POST",
        "/api/auth/logout",
        summary="Log out",
        tag="auth",
        description="Ends the session of the access token, which is refused from then on. "
        'A body is not needed; `{"refresh_token": "…"}` ends the session of that token, too. So '
        "does the cookie, which is taken away.",
        body_example=LogOutRequest(EXAMPLE_REFRESH_TOKEN),
        example=_LOGGED_OUT,
        errors=(ForeignOrigin,),
    )
    async def logout(
        self, body: LogOutRequest | None, request: Request, caller: Principal
    ) -> Response:
        """The session is over."""
        token = body.refresh_token if body else None
        if token is None:
            token = self.delivery.cookie_of(request)
        await self.log_out(caller, token, device_of(request))
        return self.delivery.forget(_LOGGED_OUT, request)
