"""What jobs knows of a person, for the export of their data."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from starlette.responses import Response

from jobs_service.credits.grants import Grants
from jobs_service.credits.repository import Credits
from jobs_service.credits.schemas import BalanceView, EndingGrantView, TransactionView
from jobs_service.jobs.domain import Job
from jobs_service.jobs.repository import Jobs
from jobs_service.jobs.schemas import JobView
from jobs_service.payments.repository import Purchases
from jobs_service.payments.schemas import PurchaseView
from jobs_service.people.schemas import EXAMPLE_LINE, KnownOf, TrackOf, VersionOf
from jobs_service.tracks.domain import CaptionTrack
from jobs_service.tracks.repository import Tracks
from jobs_service.tracks.schemas import TrackWithCues, VersionWithCues
from jobs_service.webhooks.domain import Delivery, Webhook
from jobs_service.webhooks.repository import Webhooks
from jobs_service.webhooks.schemas import DeliveryView, WebhookView
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
        """The person's jobs, tracks with all versions, movements of credits, and webhooks."""
        return await lines_response(self._known(UserId(user_id)))

    async def _known(self, user: UserId) -> AsyncIterator[KnownOf]:
        async for job in self._jobs(user):
            yield KnownOf("jobs", JobView.of(job))
        async for line in self._tracks(user):
            yield line
        async for line in self._credits(user):
            yield line
        async for line in self._webhooks(user):
            yield line

    async def _jobs(self, user: UserId) -> AsyncIterator[Job]:
        after: UUID | None = None
        while page := await Jobs(self.database).list_of(user, _PAGE, after):
            for job in page:
                yield job
            after = page[-1].id

    async def _tracks(self, user: UserId) -> AsyncIterator[KnownOf]:
        tracks, after = Tracks(self.database), None
        while page := await tracks.list_of(user, _PAGE, after, {}):
            for track, _ in page:
                async for line in self._versions(track):
                    yield line
            after = page[-1][0].id

    async def _versions(self, track: CaptionTrack) -> AsyncIterator[KnownOf]:
        tracks = Tracks(self.database)
        for version in await tracks.versions(track.id):
            content = await tracks.content(track.id, version.number)
            if content is None:
                continue  # it was pruned meanwhile
            if version.number == track.version:
                words = (await tracks.transcript(track.id)).words
                shown = TrackWithCues.showing(track, content)
                yield KnownOf("captions", TrackOf(shown, words))
            else:
                shown_before = VersionWithCues.showing(content)
                yield KnownOf("captions_before", VersionOf(track.id, shown_before))

    async def _credits(self, user: UserId) -> AsyncIterator[KnownOf]:
        ledger = Credits(self.database)
        after: UUID | None = None
        yield KnownOf("balance", BalanceView.of(await ledger.balance(user)))
        while page := await ledger.entries_of(user, _PAGE, after):
            for entry in page:
                yield KnownOf("credits", TransactionView.of(entry))
            after = page[-1].id
        after = None
        while grants := await Grants(self.database).every_one_of(user, _PAGE, after):
            for grant in grants:
                yield KnownOf("grants", EndingGrantView.of(grant))
            after = grants[-1].id
        after = None
        while purchases := await Purchases(self.database).list_of(user, _PAGE, after):
            for purchase in purchases:
                yield KnownOf("purchases", PurchaseView.of(purchase))
            after = purchases[-1].id

    async def _webhooks(self, user: UserId) -> AsyncIterator[KnownOf]:
        webhooks, found = Webhooks(self.database), list[Webhook]()
        while page := await webhooks.list_of(user, _PAGE, found[-1].id if found else None):
            found += page
        for webhook in found:
            yield KnownOf("webhooks", WebhookView.of(webhook))
        for webhook in found:
            async for delivery in self._deliveries(webhook):
                yield KnownOf("webhook_deliveries", DeliveryView.of(delivery))

    async def _deliveries(self, webhook: Webhook) -> AsyncIterator[Delivery]:
        webhooks, after = Webhooks(self.database), None
        while page := await webhooks.deliveries_of(webhook.id, _PAGE, after):
            for delivery in page:
                yield delivery
            after = (page[-1].created_at, page[-1].id)
