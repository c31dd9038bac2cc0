"""API keys over HTTP: for their owners, and for the gateway, which is shown them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from starlette.requests import Request

from auth_service.accounts.domain import AccountGone
from auth_service.api_keys.domain import ApiKeyNotFound, TooManyApiKeys
from auth_service.api_keys.repository import ApiKeys
from auth_service.api_keys.schemas import (
    EXAMPLE_KEY,
    EXAMPLE_MADE,
    EXAMPLE_NEW,
    EXAMPLE_VIEW,
    SCOPES_EXPLAINED,
    ApiKeyView,
    MadeApiKey,
    NewApiKey,
)
from auth_service.api_keys.use_cases import ExchangeApiKey, MakeApiKey, RevokeApiKey
from auth_service.device import device_of
from auth_service.sessions.domain import ReauthenticationRequired
from auth_service.sessions.use_cases import RequireRecent
from shared.db.database import Database
from shared.http.endpoint import endpoint
from shared.http.paging import Cursors, Page, PageQuery
from shared.security.api_keys import EXCHANGE_PATH, KeyExchange, KeyShown
from shared.security.principal import CallingService, Principal

_EXAMPLE_EXCHANGE = KeyExchange(
    "eyJhbGciOiJFZERTQSJ9.eyJhcGlfa2V5Ijp0cnVlfQ.c2ln", datetime(2026, 3, 1, 9, 35, tzinfo=UTC)
)


@dataclass(frozen=True, slots=True)
class ApiKeyEndpoints:
    """The caller's keys; who has nothing but a key can neither see nor make any."""

    database: Database
    cursors: Cursors
    require_recent: RequireRecent
    make: MakeApiKey
    revoke_key: RevokeApiKey

    @endpoint(
        "POST",
        "/api/auth/api-keys",
        status=201,
        summary="Make an API key",
        tag="api-keys",
        description="The answer is the only one that tells the key. Send it as "
        f"`X-API-Key: mdg_…` or `Authorization: Bearer mdg_…`. {SCOPES_EXPLAINED}",
        body_example=EXAMPLE_NEW,
        example=EXAMPLE_MADE,
        errors=(AccountGone, TooManyApiKeys, ReauthenticationRequired),
        guests=False,
    )
    async def create(self, body: NewApiKey, request: Request, caller: Principal) -> MadeApiKey:
        """A new key."""
        await self.require_recent(caller)
        lifetime = timedelta(days=body.expires_in_days) if body.expires_in_days else None
        key, text = await self.make(caller, body.name, body.scopes, lifetime, device_of(request))
        return MadeApiKey(text, ApiKeyView.of(key))

    @endpoint(
        "GET",
        "/api/auth/api-keys",
        summary="List your API keys",
        tag="api-keys",
        description="Newest first. One that is revoked or expired is listed for 30 more days.",
        example=Page([EXAMPLE_VIEW], None),
        guests=False,
    )
    async def list(self, query: PageQuery, caller: Principal) -> Page[ApiKeyView]:
        """One page of the caller's keys."""
        after = self.cursors.after_id(query)
        found = await ApiKeys(self.database).list_of(caller.id, query.limit + 1, after)
        views = [ApiKeyView.of(key) for key in found]
        return self.cursors.page(views, query.limit, lambda last: (last.id,))

    @endpoint(
        "DELETE",
        "/api/auth/api-keys/{key_id}",
        status=204,
        summary="Revoke an API key",
        tag="api-keys",
        description="It is refused everywhere within a tenth of a second.",
        errors=(ApiKeyNotFound,),
        guests=False,
    )
    async def revoke(self, key_id: UUID, request: Request, caller: Principal) -> None:
        """The key is over."""
        await self.revoke_key(caller, key_id, device_of(request))


@dataclass(frozen=True, slots=True)
class InternalApiKeyEndpoints:
    """What the gateway asks."""

    exchange_key: ExchangeApiKey

    @endpoint(
        "POST",
        EXCHANGE_PATH,
        summary="Exchange an API key for an access token",
        tag="internal",
        body_example=KeyShown(EXAMPLE_KEY),
        example=_EXAMPLE_EXCHANGE,
        callers=("gateway",),
    )
    async def exchange(self, body: KeyShown, caller: CallingService) -> KeyExchange:
        """An access token of minutes, or why there is none."""
        return await self.exchange_key(body.key)
