"""Logging in by a provider, over HTTP."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from auth_service.accounts.domain import AccountGone, AccountSuspended, EmailNotVerified
from auth_service.device import device_of
from auth_service.guests.naming import guest_of
from auth_service.sessions.delivery import SETS_COOKIE, TokenDelivery
from auth_service.sessions.domain import ForeignOrigin, SecondFactorRequired
from auth_service.sessions.schemas import EXAMPLE_TOKENS
from auth_service.social.cookies import BrowserCookie
from auth_service.social.domain import (
    Answer,
    Binding,
    ProviderUnavailable,
    ProviderUnknown,
    StartedElsewhere,
    browser_key,
    way_back,
)
from auth_service.social.schemas import (
    CALLBACK_FORM,
    EXAMPLE_CODE,
    EXAMPLE_PROVIDERS,
    EXAMPLE_VERIFIER,
    CallbackQuery,
    ProviderList,
    SessionRequest,
    StartQuery,
)
from auth_service.social.use_cases import EnterByProvider, Flows, ReturnFromProvider
from auth_service.tickets.domain import TicketInvalid
from shared.errors import Malformed, TooLarge
from shared.http.binding import read_body
from shared.http.decoding import convert_strings
from shared.http.endpoint import endpoint

_TAG = "social"
_MAX_FORM_BYTES = 16 * 1024
_MAX_FIELDS = 32
_BACK = (
    "The browser goes back to `redirect_to`, told in the fragment: `code` (for "
    "`POST /api/social/session`), `link_code` (for `POST /api/auth/identities`), or `error` and "
    "`error_description`."
)


@dataclass(frozen=True, slots=True)
class SocialEndpoints:
    """Away to a provider, back from it, and in."""

    flows: Flows
    come_back: ReturnFromProvider
    enter: EnterByProvider
    cookie: BrowserCookie
    delivery: TokenDelivery

    @endpoint(
        "GET",
        "/api/social",
        summary="List the providers to log in with",
        tag=_TAG,
        example=EXAMPLE_PROVIDERS,
    )
    async def providers(self) -> ProviderList:
        """In the order of the buttons."""
        return ProviderList.of(self.flows.providers.values(), self.flows.public_url)

    @endpoint(
        "GET",
        "/api/social/{provider}/start",
        status=302,
        summary="Begin to log in with a provider",
        tag=_TAG,
        description="For a link or a button: the browser goes to the provider, and comes back to "
        "`redirect_to`.",
        errors=(ProviderUnknown,),
    )
    async def start(self, provider: str, query: StartQuery, request: Request) -> Response:
        """The browser goes away, with a cookie by which it is known again."""
        form_post = self.flows.provider(provider).form_post
        value = self.cookie.value(request, form_post=form_post)
        binding = Binding(browser_key(value), query.code_challenge)
        try:
            url = await self.flows.begin(provider, query.redirect_to, binding=binding)
        except ProviderUnavailable as problem:
            told = {"error": problem.code, "error_description": problem.detail}
            return _to(way_back(query.redirect_to, told), 302)
        response = _to(url, 302)
        self.cookie.give(response, value, form_post=form_post)
        return response

    @endpoint(
        "GET",
        "/api/social/{provider}/callback",
        status=303,
        summary="Take the answer of a provider",
        tag=_TAG,
        description=f"For providers alone. {_BACK}",
        errors=(TicketInvalid, StartedElsewhere, ProviderUnknown),
    )
    async def callback(self, provider: str, query: CallbackQuery, request: Request) -> Response:
        """The browser goes back to the front end."""
        answer = Answer(query.state, query.code, query.iss, query.error, query.error_description)
        return await self._back(provider, answer, request)

    @endpoint(
        "POST",
        "/api/social/{provider}/callback",
        status=303,
        summary="Take the answer of a provider that comes as a form",
        tag=_TAG,
        description=f"For providers alone. {_BACK}",
        accepts=("application/x-www-form-urlencoded",),
        body_schema=CALLBACK_FORM,
        errors=(TicketInvalid, StartedElsewhere, ProviderUnknown, Malformed, TooLarge),
    )
    async def callback_by_form(self, provider: str, request: Request) -> Response:
        """The browser goes back to the front end."""
        return await self._back(provider, await _read_answer(request), request)

    @endpoint(
        "POST",
        "/api/social/session",
        summary="Exchange the code of a social log-in for tokens",
        tag=_TAG,
        description="The code is good once, for a minute. The answers are those of a log-in: a "
        "second factor may be required.",
        body_example=SessionRequest(EXAMPLE_CODE, EXAMPLE_VERIFIER),
        example=EXAMPLE_TOKENS,
        answer_headers=(SETS_COOKIE,),
        errors=(
            TicketInvalid,
            StartedElsewhere,
            AccountGone,
            AccountSuspended,
            EmailNotVerified,
            SecondFactorRequired,
            ForeignOrigin,
        ),
    )
    async def session(self, body: SessionRequest, request: Request) -> Response:
        """A new session."""
        delivery = self.delivery(body.refresh_token_in, request)
        browsers, device = self.cookie.of(request), device_of(request)
        guest = guest_of(body, request, self.delivery)
        pair = await self.enter(body.code, body.code_verifier, browsers, device, guest)
        return delivery.answer(pair)

    async def _back(self, provider: str, answer: Answer, request: Request) -> Response:
        browsers = self.cookie.of(request)
        # 303: the front end's page must not be sent the provider's form again (RFC 9700, 4.12)
        return _to(await self.come_back(provider, answer, browsers, device_of(request)), 303)


def _to(url: str, status: int) -> Response:
    return Response(
        status_code=status,
        headers={"location": url, "cache-control": "no-store", "referrer-policy": "no-referrer"},
    )


async def _read_answer(request: Request) -> Answer:
    """The fields of the form; raises `Malformed` and `TooLarge`."""
    body = await read_body(request, _MAX_FORM_BYTES)
    try:
        fields = parse_qsl(body.decode(), max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise Malformed("The form cannot be read.") from error
    return convert_strings(dict(fields), Answer)
