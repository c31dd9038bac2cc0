"""Administration over HTTP."""

from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request

from auth_service.administration.domain import (
    SHORTEST_SEARCH,
    LastAdmin,
    NotYourself,
    UserNotFound,
    checked_roles,
)
from auth_service.administration.repository import Users
from auth_service.administration.schemas import (
    ALL_ROLES,
    EXAMPLE_DETAILS,
    EXAMPLE_ENTRY,
    EXAMPLE_USER,
    AuditQuery,
    Roles,
    RolesView,
    SessionsEnded,
    Suspension,
    UserDetails,
    UsersQuery,
    UserView,
)
from auth_service.administration.use_cases import (
    LogOutEverywhere,
    SetRoles,
    SuspendUser,
    UnsuspendUser,
)
from auth_service.audit.domain import AuditEntry
from auth_service.device import device_of
from auth_service.sessions.domain import ReauthenticationRequired
from auth_service.sessions.use_cases import RequireRecent
from shared.clock import Clock
from shared.db.database import Database
from shared.errors import FieldError, Invalid
from shared.http.endpoint import endpoint
from shared.http.paging import Cursors, Page
from shared.security.principal import Principal, UserId


@dataclass(frozen=True, slots=True)
class AdministrationEndpoints:
    """Users, what they may do, and what has happened."""

    database: Database
    cursors: Cursors
    clock: Clock
    require_recent: RequireRecent
    suspend_user: SuspendUser
    unsuspend_user: UnsuspendUser
    set_roles: SetRoles
    log_out: LogOutEverywhere

    @endpoint(
        "GET",
        "/api/admin/users",
        summary="List and search users, newest first",
        tag="admin",
        example=Page([EXAMPLE_USER], next_cursor=None),
        scope="admin:users:read",
    )
    async def list_users(self, query: UsersQuery, caller: Principal) -> Page[UserView]:
        """A page of users."""
        wanted = query.to_domain()
        if wanted.search and len(wanted.search) < SHORTEST_SEARCH:
            message = f"must have at least {SHORTEST_SEARCH} characters"
            raise Invalid(errors=(FieldError("search", message),))
        if not wanted.search.isprintable():  # and not every such character fits in a query
            raise Invalid(errors=(FieldError("search", "must consist of printable characters"),))
        after = self.cursors.after_id(query)
        found = await Users(self.database).list(wanted, query.limit + 1, after)
        return self.cursors.page(
            [UserView.of(one) for one in found], query.limit, lambda last: (last.user.id,)
        )

    @endpoint(
        "GET",
        "/api/admin/users/{user_id}",
        summary="One user, and how they can log in",
        tag="admin",
        example=EXAMPLE_DETAILS,
        errors=(UserNotFound,),
        scope="admin:users:read",
    )
    async def read(self, user_id: UUID, caller: Principal) -> UserDetails:
        """The account; no secret is in it."""
        users = Users(self.database)
        listed = await users.find(UserId(user_id))
        ways_in = await users.ways_in(UserId(user_id), self.clock.now())
        if listed is None or ways_in is None:
            raise UserNotFound(f"No user has the id {user_id}.")
        return UserDetails.of_user(listed, ways_in)

    @endpoint(
        "PUT",
        "/api/admin/users/{user_id}/suspension",
        summary="Suspend a user: all sessions and API keys end at once",
        tag="admin",
        status=204,
        body_example=Suspension("Sells spam."),
        errors=(UserNotFound, NotYourself, LastAdmin, ReauthenticationRequired),
        scope="admin:users:write",
    )
    async def suspend(
        self, user_id: UUID, body: Suspension, caller: Principal, request: Request
    ) -> None:
        """They are out."""
        if not body.reason.replace("\n", "").isprintable():
            message = "must consist of printable characters and line feeds"
            raise Invalid(errors=(FieldError("reason", message),))
        await self.require_recent(caller)
        await self.suspend_user(caller.id, UserId(user_id), body.reason, device_of(request))

    @endpoint(
        "DELETE",
        "/api/admin/users/{user_id}/suspension",
        summary="Let a suspended user in again",
        tag="admin",
        status=204,
        errors=(UserNotFound, ReauthenticationRequired),
        scope="admin:users:write",
    )
    async def unsuspend(self, user_id: UUID, caller: Principal, request: Request) -> None:
        """They can log in."""
        await self.require_recent(caller)
        await self.unsuspend_user(caller.id, UserId(user_id), device_of(request))

    @endpoint(
        "PUT",
        "/api/admin/users/{user_id}/roles",
        summary="Set the roles of a user",
        tag="admin",
        description="Whoever loses a role is logged out; whoever is given one has it from the "
        "next access token on.",
        status=204,
        body_example=Roles(("support",)),
        errors=(UserNotFound, LastAdmin, ReauthenticationRequired),
        scope="admin:users:write",
    )
    async def put_roles(
        self, user_id: UUID, body: Roles, caller: Principal, request: Request
    ) -> None:
        """They have these roles and no others."""
        roles = checked_roles(body.roles)
        await self.require_recent(caller)
        await self.set_roles(caller.id, UserId(user_id), roles, device_of(request))

    @endpoint(
        "DELETE",
        "/api/admin/users/{user_id}/sessions",
        summary="End all sessions of a user",
        tag="admin",
        example=SessionsEnded(2),
        errors=(UserNotFound, ReauthenticationRequired),
        scope="admin:users:write",
    )
    async def end_sessions(
        self, user_id: UUID, caller: Principal, request: Request
    ) -> SessionsEnded:
        """They have to log in again."""
        await self.require_recent(caller)
        ended = await self.log_out(caller.id, UserId(user_id), device_of(request))
        return SessionsEnded(ended)

    @endpoint(
        "GET",
        "/api/admin/roles",
        summary="Every role and what it allows",
        tag="admin",
        example=ALL_ROLES,
        scope="admin:users:read",
    )
    async def roles(self, caller: Principal) -> RolesView:
        """The roles."""
        return ALL_ROLES

    @endpoint(
        "GET",
        "/api/admin/audit",
        summary="What has happened, newest first",
        tag="admin",
        description="Append-only: nobody can change or remove an entry. That of an erased person "
        "stays under a pseudonym.",
        example=Page([EXAMPLE_ENTRY], next_cursor=None),
        scope="admin:audit:read",
    )
    async def audit(self, query: AuditQuery, caller: Principal) -> Page[AuditEntry]:
        """A page of the audit log."""
        after = self.cursors.after_id(query)
        found = await Users(self.database).entries(query.to_domain(), query.limit + 1, after)
        return self.cursors.page(list(found), query.limit, lambda last: (last.id,))
