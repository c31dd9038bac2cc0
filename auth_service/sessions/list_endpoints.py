"""Where the caller is logged in, and logging out elsewhere, over HTTP."""

from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request

from auth_service.device import device_of
from auth_service.sessions.domain import SessionNotFound
from auth_service.sessions.schemas import EXAMPLE_SESSION, SessionsEnded, SessionView
from auth_service.sessions.use_cases import EndOtherSessions, EndSession, ListSessions
from shared.http.endpoint import endpoint
from shared.http.paging import Cursors, Page, PageQuery
from shared.security.principal import Principal, SessionId


@dataclass(frozen=True, slots=True)
class SessionListEndpoints:
    """The caller's own sessions."""

    list_sessions: ListSessions
    end_session: EndSession
    end_others: EndOtherSessions
    cursors: Cursors

    @endpoint(
        "GET",
        "/api/auth/sessions",
        summary="List where you are logged in",
        tag="sessions",
        description="Your sessions under way, the newest first.",
        example=Page([EXAMPLE_SESSION], None),
    )
    async def sessions(self, query: PageQuery, caller: Principal) -> Page[SessionView]:
        """One page of them."""
        after = self.cursors.after_id(query)
        found = await self.list_sessions(caller, after, query.limit + 1)
        views = [SessionView.of(one, caller.session_id) for one in found]
        return self.cursors.page(views, query.limit, lambda one: (one.id,))

    @endpoint(
        "DELETE",
        "/api/auth/sessions/{session_id}",
        status=204,
        summary="Log out one of your devices",
        tag="sessions",
        description="Its access tokens are refused everywhere from then on.",
        errors=(SessionNotFound,),
    )
    async def end(self, session_id: UUID, request: Request, caller: Principal) -> None:
        """The session is over."""
        await self.end_session(caller, SessionId(session_id), device_of(request))

    @endpoint(
        "DELETE",
        "/api/auth/sessions",
        summary="Log out everywhere else",
        tag="sessions",
        description="Ends all your sessions but the one that asks.",
        example=SessionsEnded(2),
    )
    async def end_all_others(self, request: Request, caller: Principal) -> SessionsEnded:
        """How many that ended."""
        return SessionsEnded(await self.end_others(caller, device_of(request)))
