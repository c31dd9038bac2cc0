"""Logging in by a provider: away to it, back from it, and in."""

import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from auth_service.accounts.domain import AccountGone
from auth_service.accounts.repository import Accounts
from auth_service.device import Device
from auth_service.sessions.domain import Method
from auth_service.sessions.log_in import Admit
from auth_service.sessions.use_cases import LoggedIn
from auth_service.social.domain import (
    AccountExists,
    Answer,
    Attempt,
    Binding,
    Flow,
    Profile,
    ProviderAnswerRefused,
    ProviderUnavailable,
    ProviderUnknown,
    StartedElsewhere,
    provider_error,
    way_back,
)
from auth_service.social.providers import Provider, Providers
from auth_service.social.recognition import RecogniseUser
from auth_service.social.redirects import Redirects
from auth_service.tickets.domain import Purpose, Ticket
from auth_service.tickets.repository import Tickets
from shared.clock import Clock
from shared.db.database import Database
from shared.security.box import Box
from shared.security.principal import UserId

FLOW_LIFETIME = timedelta(minutes=10)
"""To log in at the provider."""
LOGIN_LIFETIME = timedelta(minutes=1)
"""For the front end, to fetch its tokens."""
LINK_LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Flows:
    """Log-ins and linkings under way: each a ticket, and an attempt at its provider."""

    database: Database
    providers: Providers
    redirects: Redirects
    public_url: str
    box: Box
    clock: Clock

    def provider(self, name: str) -> Provider:
        """The provider of that name; raises `ProviderUnknown`."""
        try:
            return self.providers[name]
        except KeyError:
            raise ProviderUnknown(f"No provider {name!r} is set up.") from None

    async def begin(
        self,
        name: str,
        redirect_to: str,
        *,
        binding: Binding | None = None,
        user: UserId | None = None,
    ) -> str:
        """Where the browser goes, for a log-in or, with a `user`, a linking.

        Raises `ProviderUnknown`, `Invalid` and `ProviderUnavailable`.
        """
        provider = self.provider(name)
        self.redirects.check(redirect_to)
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        sealed = b64encode(self.box.close(verifier.encode(), nonce.encode())).decode()
        flow = Flow(name, redirect_to, nonce, sealed, binding)
        state = await Tickets(self.database).issue(
            Purpose.SOCIAL_STATE, user, self.clock.now(), FLOW_LIFETIME, msgspec.to_builtins(flow)
        )
        attempt = Attempt(self._redirect_uri(name), nonce, verifier)
        return await provider.authorization_url(attempt, state)

    async def redeem(self, state: str) -> tuple[Flow, UserId | None]:
        """The flow of a state that comes back, once; raises `TicketInvalid`."""
        ticket = await Tickets(self.database).redeem(Purpose.SOCIAL_STATE, state, self.clock.now())
        return msgspec.convert(ticket.data, Flow), ticket.user_id

    def attempt(self, flow: Flow) -> Attempt:
        """What its provider was asked with."""
        verifier = self.box.open(b64decode(flow.verifier), flow.nonce.encode()).decode()
        return Attempt(self._redirect_uri(flow.provider), flow.nonce, verifier)

    def _redirect_uri(self, name: str) -> str:
        return f"{self.public_url}/api/social/{name}/callback"


@dataclass(frozen=True, slots=True)
class ReturnFromProvider:
    """Take a provider's answer; the browser goes back to the front end, whatever it says.

    Raises `TicketInvalid` and `StartedElsewhere` when it answers no question of this browser's:
    nobody knows then where it should go.
    """

    flows: Flows
    recognise: RecogniseUser

    async def __call__(
        self, name: str, answer: Answer, browsers: tuple[str, ...], device: Device
    ) -> str:
        """The front end's address, with a `code`, a `link_code` or an `error` in its fragment."""
        flow, user = await self.flows.redeem(answer.state)
        begun_here = flow.binding is None or flow.binding.was_begun_by(browsers)
        if flow.provider != name or not begun_here:
            raise StartedElsewhere
        provider = self.flows.provider(name)
        try:
            await provider.check_issuer(answer.iss)
            if answer.error:
                return way_back(flow.redirect_to, provider_error(answer))
            profile = (await provider.profile(answer, self.flows.attempt(flow))).checked()
            told = await self._tickets(provider, profile, flow.binding, user, device)
        except (ProviderUnavailable, ProviderAnswerRefused, AccountExists) as problem:
            told = {"error": problem.code, "error_description": problem.detail}
        return way_back(flow.redirect_to, told)

    async def _tickets(
        self,
        provider: Provider,
        profile: Profile,
        binding: Binding | None,
        user: UserId | None,
        device: Device,
    ) -> dict[str, str]:
        tickets, now = Tickets(self.flows.database), self.flows.clock.now()
        if user is not None:
            data = {"provider": provider.name, "profile": msgspec.to_builtins(profile)}
            link = await tickets.issue(Purpose.SOCIAL_LINK, user, now, LINK_LIFETIME, data)
            return {"link_code": link}
        owner = await self.recognise(provider, profile, device)
        data = {"binding": msgspec.to_builtins(binding)}
        return {"code": await tickets.issue(Purpose.SOCIAL_LOGIN, owner, now, LOGIN_LIFETIME, data)}


@dataclass(frozen=True, slots=True)
class EnterByProvider:
    """Start the session of whoever has come back from a provider.

    Raises `TicketInvalid`, `StartedElsewhere`, and as `Admit`.
    """

    database: Database
    admit: Admit
    clock: Clock

    async def __call__(
        self,
        code: str,
        verifier: str | None,
        browsers: tuple[str, ...],
        device: Device,
        guest: bytes | None = None,
    ) -> LoggedIn:
        """The first pair of tokens; the code is used up, whoever sends it. `guest` as for
        `Admit`."""
        ticket = await Tickets(self.database).redeem(Purpose.SOCIAL_LOGIN, code, self.clock.now())
        if not _binding(ticket).admits(browsers, verifier):
            raise StartedElsewhere(
                "Send the code_verifier of the code_challenge that the log-in was begun with, or "
                "the cookie that it has set."
            )
        account = ticket.user_id and await Accounts(self.database).find(ticket.user_id)
        if not account:
            raise AccountGone
        return await self.admit(account, device, (Method.SOCIAL,), guest)


def _binding(ticket: Ticket) -> Binding:
    return msgspec.convert(ticket.data["binding"], Binding)
