"""The caller's identities over HTTP."""

from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request

from auth_service.accounts.domain import AccountGone
from auth_service.device import device_of
from auth_service.factors.domain import LastWayIn
from auth_service.sessions.domain import ReauthenticationRequired
from auth_service.sessions.use_cases import RequireRecent
from auth_service.social.domain import (
    IdentityNotFound,
    IdentityTaken,
    ProviderLinked,
    ProviderUnavailable,
    ProviderUnknown,
)
from auth_service.social.linking import LinkIdentity, ListIdentities, UnlinkIdentity
from auth_service.social.schemas import (
    EXAMPLE_CODE,
    EXAMPLE_IDENTITY,
    EXAMPLE_LINK,
    IdentityList,
    IdentityView,
    LinkCode,
    LinkRequest,
    LinkStarted,
)
from auth_service.social.use_cases import Flows
from auth_service.tickets.domain import TicketInvalid
from shared.http.endpoint import endpoint
from shared.security.principal import Principal

_TAG = "social"


@dataclass(frozen=True, slots=True)
class IdentityEndpoints:
    """List, link and unlink."""

    flows: Flows
    list_identities: ListIdentities
    link: LinkIdentity
    unlink: UnlinkIdentity
    require_recent: RequireRecent

    @endpoint(
        "GET",
        "/api/auth/identities",
        summary="List your linked accounts",
        tag=_TAG,
        example=IdentityList((EXAMPLE_IDENTITY,)),
        guests=False,
    )
    async def identities(self, caller: Principal) -> IdentityList:
        """Accounts at providers, by which the caller can log in."""
        return IdentityList(
            tuple(IdentityView.of(one) for one in await self.list_identities(caller))
        )

    @endpoint(
        "POST",
        "/api/auth/identities/{provider}",
        summary="Begin to link an account at a provider",
        tag=_TAG,
        description="Let the browser go to `authorization_url`. It comes back to `redirect_to` "
        "with `link_code` in the fragment, for `POST /api/auth/identities`, or with `error` and "
        "`error_description`. Needs a fresh proof of who you are.",
        body_example=LinkRequest("https://app.example/settings"),
        example=EXAMPLE_LINK,
        errors=(ProviderUnknown, ProviderUnavailable, ReauthenticationRequired),
        guests=False,
    )
    async def begin_linking(
        self, provider: str, body: LinkRequest, caller: Principal
    ) -> LinkStarted:
        """Where the browser has to go."""
        await self.require_recent(caller)
        return LinkStarted(await self.flows.begin(provider, body.redirect_to, user=caller.id))

    @endpoint(
        "POST",
        "/api/auth/identities",
        status=201,
        summary="Link the account that you have logged in to",
        tag=_TAG,
        description="The code is good once, for ten minutes, and for you alone.",
        body_example=LinkCode(EXAMPLE_CODE),
        example=EXAMPLE_IDENTITY,
        errors=(TicketInvalid, IdentityTaken, ProviderLinked, AccountGone),
        guests=False,
    )
    async def finish_linking(
        self, body: LinkCode, caller: Principal, request: Request
    ) -> IdentityView:
        """The identity."""
        return IdentityView.of(await self.link(caller, body.code, device_of(request)))

    @endpoint(
        "DELETE",
        "/api/auth/identities/{identity_id}",
        status=204,
        summary="Unlink an account at a provider",
        tag=_TAG,
        description="Refused when it is the only way to log in. Needs a fresh proof of who you "
        "are.",
        errors=(IdentityNotFound, LastWayIn, ReauthenticationRequired),
        guests=False,
    )
    async def remove(self, identity_id: UUID, caller: Principal, request: Request) -> None:
        """Nobody logs in by it any more."""
        await self.require_recent(caller)
        await self.unlink(caller, identity_id, device_of(request))
