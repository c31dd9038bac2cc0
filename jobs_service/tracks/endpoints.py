"""HTTP: caption tracks, their versions and files, and the captions of a job."""

import hashlib
from asyncio import to_thread
from dataclasses import dataclass
from itertools import islice
from typing import Annotated
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from jobs_service.captions.cues import BrokenCaptionFile
from jobs_service.captions.importing import read_captions
from jobs_service.idempotency.domain import KeyReused, RequestInProgress
from jobs_service.idempotency.header import IdempotencyKey
from jobs_service.jobs.domain import JobNotFound
from jobs_service.tracks.adding import ImportRequest, ImportTrack
from jobs_service.tracks.differences import differences
from jobs_service.tracks.domain import (
    CaptionsDeleted,
    CaptionsNotReady,
    CaptionTrack,
    Content,
    CueNotFound,
    TooManyTracks,
    TrackChanged,
    TrackNotFound,
    VersionNotFound,
)
from jobs_service.tracks.editing import EditTrack, Expected
from jobs_service.tracks.files import ETAG, ETAG_OF_FILE, caption_file, track_answer
from jobs_service.tracks.repository import Tracks
from jobs_service.tracks.schemas import (
    EXAMPLE_DIFFERENCES,
    EXAMPLE_FILE,
    EXAMPLE_FILES,
    EXAMPLE_FIX,
    EXAMPLE_IMPORT,
    EXAMPLE_NEW_CUES,
    EXAMPLE_RESTORING,
    EXAMPLE_TRACK,
    EXAMPLE_TRACK_WITH_CUES,
    EXAMPLE_VERSION,
    EXAMPLE_VERSIONS,
    CueFix,
    DifferenceQuery,
    Differences,
    Extension,
    ImportQuery,
    ImportView,
    NewCues,
    Restoring,
    TracksQuery,
    TrackView,
    TrackWithCues,
    VersionList,
    VersionQuery,
    VersionView,
    VersionWithCues,
)
from jobs_service.tracks.upload import FILE_SCHEMA, MAX_FILE_BYTES, FormBroken, sent_file
from jobs_service.tracks.use_cases import DeleteTrack, FindTrack, FindTrackOfJob
from jobs_service.videos.domain import VideoNotFound
from shared.db.aliases import OwnerErased
from shared.errors import Invalid, PreconditionFailed, TooLarge
from shared.http.conditions import Validators, is_known
from shared.http.endpoint import Header, endpoint
from shared.http.paging import Cursors, Page
from shared.security.principal import Principal

_SAVING = (TrackNotFound, TrackChanged, PreconditionFailed, OwnerErased, Invalid)
IfMatch = Annotated[
    str | None,
    Header("If-Match", "The ETag of the version that was read; 412 when it is not the newest."),
]


@dataclass(frozen=True, slots=True)
class TrackEndpoints:
    """`/api/captions`: the caller's tracks."""

    cursors: Cursors
    find: FindTrack
    edit: EditTrack
    import_track: ImportTrack
    delete_track: DeleteTrack

    @endpoint(
        "GET",
        "/api/captions",
        summary="The caller's caption tracks, newest first",
        description="Of all videos or of one, those of videos that are gone included: tracks stay "
        "until they are deleted.",
        tag="captions",
        example=Page([EXAMPLE_TRACK], None),
        scope="jobs:read",
    )
    async def list_tracks(self, query: TracksQuery, caller: Principal) -> Page[TrackView]:
        """A page of tracks."""
        after = self.cursors.after_id(query)
        tracks = Tracks(self.find.database)
        found = await tracks.list_of(caller.id, query.limit + 1, after, query.which())
        return self.cursors.page(
            [TrackView.of(*one) for one in found], query.limit, lambda last: (last.id,)
        )

    @endpoint(
        "POST",
        "/api/captions/import",
        status=201,
        summary="Import a caption file",
        description="SubRip, WebVTT or TTML of any program, judged by its content: with or without "
        "numbers, in UTF-8, UTF-16, CP949 or CP1252. Costs nothing.",
        tag="captions",
        accepts=("multipart/form-data",),
        body_schema=FILE_SCHEMA,
        example=EXAMPLE_IMPORT,
        answer_headers=(ETAG,),
        errors=(
            BrokenCaptionFile,
            VideoNotFound,
            TooManyTracks,
            TooLarge,
            FormBroken,
            KeyReused,
            RequestInProgress,
            OwnerErased,
            Invalid,
        ),
        scope="jobs:write",
    )
    async def import_file(
        self,
        query: ImportQuery,
        request: Request,
        caller: Principal,
        idempotency_key: IdempotencyKey,
    ) -> Response:
        """Keep the file as a track of a video."""
        file = await sent_file(request)
        wanted = ImportRequest(
            query.video_id, query.language, query.audience, hashlib.sha256(file).hexdigest()
        )
        read = await to_thread(read_captions, file, query.language)
        made = await self.import_track(caller.id, wanted, read, idempotency_key)
        return track_answer(made.track, ImportView.of(made), 201)

    @endpoint(
        "GET",
        "/api/captions/{track_id}",
        summary="One caption track with its cues",
        tag="captions",
        example=EXAMPLE_TRACK_WITH_CUES,
        answer_headers=(ETAG,),
        errors=(TrackNotFound,),
        scope="jobs:read",
    )
    async def read_track(self, track_id: UUID, caller: Principal) -> Response:
        """The newest version, and how well it keeps to its rules."""
        track = await self.find(caller.id, track_id)
        return _showing(track, await self.find.content(track))

    @endpoint(
        "PUT",
        "/api/captions/{track_id}",
        summary="Save all cues of a track as a new version",
        description="Costs nothing. `version`, or `If-Match`, says which version was edited: when "
        "somebody else has saved meanwhile nothing is written over. Cues are put in the order of "
        "their times; a save that changes nothing makes no version.",
        tag="captions",
        body_example=EXAMPLE_NEW_CUES,
        max_json=MAX_FILE_BYTES,
        example=EXAMPLE_TRACK_WITH_CUES,
        answer_headers=(ETAG,),
        errors=_SAVING,
        scope="jobs:write",
    )
    async def replace(
        self, track_id: UUID, body: NewCues, caller: Principal, if_match: IfMatch
    ) -> Response:
        """The track with these cues."""
        cues = await to_thread(body.as_kept)
        expected = Expected(if_match, body.version)
        return _showing(*await self.edit.replace(caller.id, track_id, cues, expected))

    @endpoint(
        "PATCH",
        "/api/captions/{track_id}/cues/{number}",
        summary="Fix one cue, as a new version",
        description="`number` counts from 1. What is left out stays; `version` or `If-Match` as "
        "for a save of all cues.",
        tag="captions",
        body_example=EXAMPLE_FIX,
        example=EXAMPLE_TRACK_WITH_CUES,
        answer_headers=(ETAG,),
        errors=(*_SAVING, CueNotFound),
        scope="jobs:write",
    )
    async def fix(
        self, track_id: UUID, number: int, body: CueFix, caller: Principal, if_match: IfMatch
    ) -> Response:
        """The track with the cue mended."""
        if number < 1:
            raise CueNotFound("Cues are counted from 1.")
        expected = Expected(if_match, body.version)
        return _showing(*await self.edit.fix(caller.id, track_id, number, body.mend, expected))

    @endpoint(
        "POST",
        "/api/captions/{track_id}/restore",
        summary="Make an earlier version the newest again",
        description="As a new version, so that nothing is lost.",
        tag="captions",
        body_example=EXAMPLE_RESTORING,
        example=EXAMPLE_TRACK_WITH_CUES,
        answer_headers=(ETAG,),
        errors=(*_SAVING, VersionNotFound),
        scope="jobs:write",
    )
    async def restore(
        self, track_id: UUID, body: Restoring, caller: Principal, if_match: IfMatch
    ) -> Response:
        """The track as it was."""
        expected = Expected(if_match, body.version)
        return _showing(*await self.edit.restore(caller.id, track_id, body.restore, expected))

    @endpoint(
        "GET",
        "/api/captions/{track_id}/versions",
        summary="The versions of a track, newest first",
        tag="captions",
        example=EXAMPLE_VERSIONS,
        errors=(TrackNotFound,),
        scope="jobs:read",
    )
    async def versions(self, track_id: UUID, caller: Principal) -> VersionList:
        """The first, and the newest ones."""
        track = await self.find(caller.id, track_id)
        found = await Tracks(self.find.database).versions(track.id)
        return VersionList([VersionView.of(one) for one in found])

    @endpoint(
        "GET",
        "/api/captions/{track_id}/versions/{number}",
        summary="One version of a track with its cues",
        tag="captions",
        example=EXAMPLE_VERSION,
        errors=(TrackNotFound, VersionNotFound),
        scope="jobs:read",
    )
    async def version(self, track_id: UUID, number: int, caller: Principal) -> VersionWithCues:
        """What the track said then."""
        track = await self.find(caller.id, track_id)
        return VersionWithCues.showing(await self.find.content(track, _number(number)))

    @endpoint(
        "GET",
        "/api/captions/{track_id}/diff",
        summary="What has changed between two versions, cue by cue and word by word",
        tag="captions",
        example=EXAMPLE_DIFFERENCES,
        errors=(TrackNotFound, VersionNotFound),
        scope="jobs:read",
    )
    async def diff(self, track_id: UUID, query: DifferenceQuery, caller: Principal) -> Differences:
        """A page of changes."""
        track = await self.find(caller.id, track_id)
        before = await self.find.content(track, query.from_)
        after = await self.find.content(track, query.to)
        start = self.cursors.decode(query.cursor, tuple[int])[0] if query.cursor else 0
        changes = differences(before.cues, after.cues)
        found = await to_thread(list, islice(changes, start, start + query.limit + 1))
        items, more = found[: query.limit], len(found) > query.limit
        return Differences(
            before.version.number,
            after.version.number,
            items,
            self.cursors.encode((start + query.limit,)) if more else None,
        )

    @endpoint(
        "GET",
        "/api/captions/{track_id}/file.{extension}",
        summary="A track as WebVTT, SubRip, TTML (IMSC 1.1), JSON or plain text",
        description="Its newest version, or the one asked for. Answers `If-None-Match`.",
        tag="captions",
        answer_headers=(ETAG_OF_FILE,),
        example=EXAMPLE_FILE,
        text_examples=EXAMPLE_FILES,
        errors=(TrackNotFound, VersionNotFound),
        scope="jobs:read",
    )
    async def file(
        self,
        track_id: UUID,
        extension: Extension,
        query: VersionQuery,
        request: Request,
        caller: Principal,
    ) -> Response:
        """The file, in UTF-8."""
        track = await self.find(caller.id, track_id)
        number = query.version or track.version
        etag = f'"{number}"'
        if is_known(request.headers, Validators(etag)):
            return Response(status_code=304, headers={"etag": etag})
        return await caption_file(await self.find.file(track, number), extension, track.id, etag)

    @endpoint(
        "DELETE",
        "/api/captions/{track_id}",
        status=204,
        summary="Delete a track with all its versions",
        tag="captions",
        errors=(TrackNotFound,),
        scope="jobs:write",
    )
    async def delete(self, track_id: UUID, caller: Principal) -> None:
        """Delete the caller's track."""
        await self.delete_track(caller.id, track_id)


@dataclass(frozen=True, slots=True)
class JobCaptionEndpoints:
    """What the caller's captions jobs have made."""

    find_of_job: FindTrackOfJob
    find: FindTrack

    @endpoint(
        "GET",
        "/api/jobs/{job_id}/captions.{extension}",
        summary="The captions of a job: WebVTT, SubRip, TTML, JSON with word times, plain text",
        description="As the job has made them, whatever has been edited since: the job's "
        "`result.track_id` is the track, whose newest version is at `/api/captions`.",
        tag="captions",
        example=EXAMPLE_FILE,
        text_examples=EXAMPLE_FILES,
        errors=(JobNotFound, CaptionsNotReady, CaptionsDeleted),
        scope="jobs:read",
    )
    async def read(self, job_id: UUID, extension: Extension, caller: Principal) -> Response:
        """The captions in one format, in UTF-8."""
        track = await self.find_of_job(caller.id, job_id)
        return await caption_file(await self.find.file(track, 1), extension, job_id, '"1"')


def _showing(track: CaptionTrack, content: Content) -> Response:
    return track_answer(track, TrackWithCues.showing(track, content))


def _number(number: int) -> int:
    if not 0 < number < 2**31:
        raise VersionNotFound("Versions are counted from 1.")
    return number
