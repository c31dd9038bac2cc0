"""Exports over HTTP."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from auth_service.accounts.domain import AccountGone
from auth_service.device import device_of
from auth_service.exports.domain import (
    ExportGone,
    ExportNotFound,
    ExportNotReady,
    ExportUnderWay,
    TooManyExports,
)
from auth_service.exports.repository import Exports
from auth_service.exports.schemas import (
    EXAMPLE_LIST,
    EXAMPLE_QUEUED,
    EXAMPLE_READY,
    ExportList,
    ExportView,
)
from auth_service.exports.use_cases import AskForExport, FindExport, OpenArchive
from auth_service.sessions.domain import ReauthenticationRequired
from auth_service.sessions.use_cases import RequireRecent
from shared.db.database import Database
from shared.http.endpoint import endpoint
from shared.http.files import ServedFile, file_response
from shared.security.principal import Principal
from shared.storage.storage import StorageUnavailable

_ZIP = "application/zip"


@dataclass(frozen=True, slots=True)
class ExportEndpoints:
    """Everything that is known of the caller, as an archive."""

    database: Database
    require_recent: RequireRecent
    ask: AskForExport
    find: FindExport
    open: OpenArchive
    wake: Callable[[], None]

    @endpoint(
        "POST",
        "/api/users/exports",
        status=202,
        summary="Ask for an archive of everything that is known of you",
        tag="privacy",
        description="It is made in the background, and a letter tells when it is ready. One at a "
        "time, and three within 24 hours. Users need to have proved lately who they are; guests, "
        "who have nothing to prove it with, do not.",
        example=EXAMPLE_QUEUED,
        errors=(AccountGone, ReauthenticationRequired, ExportUnderWay, TooManyExports),
    )
    async def create(self, request: Request, caller: Principal) -> ExportView:
        """Queue an export."""
        if not caller.guest:
            await self.require_recent(caller)
        export = await self.ask(caller.id, device_of(request))
        self.wake()
        return ExportView.of(export)

    @endpoint(
        "GET",
        "/api/users/exports",
        summary="List your exports",
        tag="privacy",
        description="Newest first; those that have ended are told of for 30 days.",
        example=EXAMPLE_LIST,
    )
    async def list_exports(self, caller: Principal) -> ExportList:
        """The caller's exports."""
        found = await Exports(self.database).list_of(caller.id)
        return ExportList(tuple(ExportView.of(one) for one in found))

    @endpoint(
        "GET",
        "/api/users/exports/{export_id}",
        summary="Read one of your exports",
        tag="privacy",
        example=EXAMPLE_READY,
        errors=(ExportNotFound,),
    )
    async def read(self, export_id: UUID, caller: Principal) -> ExportView:
        """The caller's export as it stands."""
        return ExportView.of(await self.find(caller.id, export_id))

    @endpoint(
        "GET",
        "/api/users/exports/{export_id}/archive",
        summary="Download the archive of an export",
        tag="privacy",
        description="A ZIP file; its `README.txt` tells what is where. It can be fetched for 7 "
        "days. Answers `Range` (one range), `If-Range`, `If-None-Match` and HEAD.",
        answers=(_ZIP,),
        sends_file=True,
        errors=(ExportNotFound, ExportNotReady, ExportGone, StorageUnavailable),
    )
    async def archive(self, export_id: UUID, request: Request, caller: Principal) -> Response:
        """The archive of the caller's export, whole or in part."""
        export = await self.open(caller.id, export_id)
        file = ServedFile(
            filename=f"madang-export-{export.created_at:%Y-%m-%d}.zip",
            media_type=_ZIP,
            size=export.size_bytes or 0,
            etag=f"{export.id}-{export.attempts}",
            read=partial(self.open.read, export),
        )
        answer = await file_response(request, file)
        if request.method == "GET" and answer.status_code != 304:
            await self.open.note(caller.id, device_of(request))
        return answer
