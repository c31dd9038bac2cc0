"""Deletion over HTTP."""

from dataclasses import dataclass

from starlette.requests import Request

from auth_service.accounts.domain import AccountGone
from auth_service.administration.domain import LastAdmin
from auth_service.device import device_of
from auth_service.privacy.domain import DeletionNotAsked
from auth_service.privacy.schemas import (
    DELETION_SCHEMA,
    EXAMPLE_ASKED,
    EXAMPLE_CANCELLED,
    EXAMPLE_REQUEST,
    DeletionRequest,
    DeletionView,
)
from auth_service.privacy.use_cases import AskForDeletion, CancelDeletion
from auth_service.sessions.domain import ReauthenticationRequired
from auth_service.sessions.use_cases import RequireRecent
from shared.errors import Invalid, Malformed, TooLarge
from shared.http.binding import read_body
from shared.http.decoding import decode_json
from shared.http.endpoint import endpoint
from shared.security.principal import Principal

_MAX_BYTES = 4 * 1024


@dataclass(frozen=True, slots=True)
class DeletionEndpoints:
    """Have the caller's account deleted, or not after all."""

    require_recent: RequireRecent
    ask: AskForDeletion
    cancel_deletion: CancelDeletion

    @endpoint(
        "POST",
        "/api/users/deletion",
        status=202,
        summary="Have your account deleted, with everything that belongs to it",
        tag="privacy",
        description="It is erased after a grace period, in which you can log in and take it back. "
        "Your other sessions end at once. A second request changes nothing. Users need to have "
        "proved lately who they are; guests, who have nothing to prove it with, do not.",
        body_schema=DELETION_SCHEMA,
        body_example=EXAMPLE_REQUEST,
        example=EXAMPLE_ASKED,
        errors=(AccountGone, LastAdmin, ReauthenticationRequired, Invalid, Malformed, TooLarge),
    )
    async def ask_deletion(self, request: Request, caller: Principal) -> DeletionView:
        """Begin the grace period."""
        body = await read_body(request, _MAX_BYTES)
        wish = decode_json(body, DeletionRequest) if body.strip() else DeletionRequest()
        if not caller.guest:
            await self.require_recent(caller)
        return DeletionView(await self.ask(caller, wish.user_handle, device_of(request)))

    @endpoint(
        "DELETE",
        "/api/users/deletion",
        summary="Keep your account after all",
        tag="privacy",
        example=EXAMPLE_CANCELLED,
        errors=(AccountGone, DeletionNotAsked),
    )
    async def cancel(self, request: Request, caller: Principal) -> DeletionView:
        """End the grace period."""
        await self.cancel_deletion(caller.id, device_of(request))
        return DeletionView(None)
