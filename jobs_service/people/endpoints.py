"""What jobs knows of a person, for the export of their data."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from starlette.responses import Response

from jobs_service.captions.repository import Tracks
from jobs_service.credits.repository import Credits
from jobs_service.credits.schemas import BalanceView, TransactionView
from jobs_service.jobs.domain import Job, JobStatus
from jobs_service.jobs.repository import Jobs
from jobs_service.jobs.schemas import JobView
from jobs_service.people.schemas import EXAMPLE_LINE, KnownOf, TrackOf
from shared.db.database import Database
from shared.http.endpoint import endpoint
from shared.http.lines import MEDIA_TYPE, lines_response
from shared.security.principal import CallingService, UserId

_PAGE = 200


@dataclass(frozen=True, slots=True)
class PeopleEndpoints:
    """`/internal/people`: what auth may read."""

    database: Database

    @endpoint(
        "GET",
        "/internal/people/{user_id}/data",
        summary="Tell all that is known of a person, a line of JSON each",
        tag="internal",
        answers=(MEDIA_TYPE,),
        example=EXAMPLE_LINE,
        callers=("auth",),
    )
    async def data(self, user_id: UUID, caller: CallingService) -> Response:
        """The person's jobs and their results, and the movements of their credits."""
        return await lines_response(self._known(UserId(user_id)))

    async def _known(self, user: UserId) -> AsyncIterator[KnownOf]:
        async for job in self._jobs(user, None):
            yield KnownOf("jobs", JobView.of(job))
        async for job in self._jobs(user, JobStatus.SUCCEEDED):
            track = await Tracks(self.database).find(user, job.id)
            if track is not None:
                yield KnownOf("captions", TrackOf(job.id, track))
        async for line in self._credits(user):
            yield line

    async def _jobs(self, user: UserId, status: JobStatus | None) -> AsyncIterator[Job]:
        after: UUID | None = None
        while page := await Jobs(self.database).list_of(user, _PAGE, after, status):
            for job in page:
                yield job
            after = page[-1].id

    async def _credits(self, user: UserId) -> AsyncIterator[KnownOf]:
        ledger, after = Credits(self.database), None
        yield KnownOf("balance", BalanceView.of(await ledger.balance(user)))
        while page := await ledger.entries_of(user, _PAGE, after):
            for entry in page:
                yield KnownOf("credits", TransactionView.of(entry))
            after = page[-1].id
