"""The composition root: builds every object of the content service."""

import asyncio
from datetime import timedelta

import httpx

from content_service.people.endpoints import PeopleEndpoints
from content_service.settings import ContentSettings
from content_service.subscriptions import subscriptions
from content_service.videos.endpoints import InternalVideoEndpoints, VideoEndpoints
from content_service.videos.prober import Prober
from content_service.videos.sweeper import SECONDS_BETWEEN_SWEEPS, Sweeper
from content_service.videos.upload import GuestLimits, UploadVideo
from content_service.videos.use_cases import (
    DeleteVideo,
    EraseOwner,
    FindVideo,
    OpenVideo,
    RemoveFile,
)
from shared.clock import Clock, SystemClock
from shared.db.database import Database
from shared.db.migrations import require_migrated
from shared.http.application import build_app
from shared.http.paging import Cursors
from shared.messaging.broker import Broker
from shared.messaging.inbox import SECONDS_BETWEEN_PRUNINGS, Inbox, InboxPruner
from shared.messaging.purge import SECONDS_BETWEEN_PURGES, PurgeDeadLetters
from shared.messaging.relay import Relay
from shared.runtime.periodic import periodic
from shared.runtime.service import Component, Service
from shared.security.keys import derive_key
from shared.security.verification import remote_verification
from shared.storage.storage import Storage

SCHEMA = "content"


def build(
    settings: ContentSettings,
    broker: Broker,
    *,
    auth: httpx.AsyncClient,
    clock: Clock | None = None,
) -> Service:
    """The process with its relay, prober and sweeper.

    `auth` is a client of that service, which is closed at the end.
    """
    clock = clock or SystemClock()
    database = Database(
        settings.database_url.get_secret_value(),
        schema=SCHEMA,
        source="content",
        pool_size=settings.database_pool_size,
    )
    storage = Storage.open(settings.storage_url, settings.s3)
    secret = settings.secret_key.get_secret_value()
    verification = remote_verification("content", secret, auth, clock)
    sweep_now = asyncio.Event()
    heard = subscriptions(Inbox(database), EraseOwner(clock, sweep_now.set))
    broker.subscribe(verification.broadcast, *heard)

    remove_file = RemoveFile(database, storage)
    prober = Prober(database, storage, clock, remove_file, settings.max_duration_seconds)
    sweeper = Sweeper(database, clock, remove_file)
    upload = UploadVideo(
        database,
        storage,
        clock,
        remove_file,
        max_bytes=settings.upload_max_bytes,
        guests=GuestLimits(settings.guest_upload_max_bytes, settings.guest_videos),
        retention=timedelta(days=settings.retention_days),
        stored=prober.wake,
    )
    open_video = OpenVideo(database, storage)
    checks = {"database": database.ping, "broker": broker.ping, "storage": storage.check}
    app = build_app(
        "content",
        endpoints=[
            VideoEndpoints(
                database,
                Cursors(derive_key(secret, "content.cursors")),
                upload,
                FindVideo(database),
                open_video,
                DeleteVideo(database, clock, remove_file),
            ),
            InternalVideoEndpoints(open_video),
            PeopleEndpoints(database),
        ],
        authenticate=verification.verifier,
        checks=checks,
    )
    return Service(
        "content",
        app,
        components=(
            verification.component,
            Component("relay", Relay(database, broker).run),
            periodic("inbox-pruner", SECONDS_BETWEEN_PRUNINGS, InboxPruner(database).prune),
            Component("prober", prober.run),
            periodic("sweeper", SECONDS_BETWEEN_SWEEPS, sweeper.sweep, sweep_now),
            periodic(
                "purge", SECONDS_BETWEEN_PURGES, PurgeDeadLetters(database, broker, heard).purge
            ),
        ),
        before_start=(
            prober.scratch.sweep,
            require_migrated(database, "content_service"),
            storage.check,
        ),
        checks=checks,
        close=(auth.aclose, database.close),
    )
