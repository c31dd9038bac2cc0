"""What every feature of the service is built on."""

import asyncio

from content_service.settings import ContentSettings
from content_service.videos.admission import Admission
from content_service.videos.limits import Limits
from content_service.videos.reception import Reception
from content_service.videos.use_cases import RemoveFile
from shared.clock import Clock
from shared.db.database import Database
from shared.http.paging import Cursors
from shared.security.keys import derive_key
from shared.storage.storage import Storage


class Base:
    """What features share."""

    def __init__(self, settings: ContentSettings, database: Database, clock: Clock) -> None:
        self.settings = settings
        self.database = database
        self.clock = clock
        self.secret = settings.secret_key.get_secret_value()
        self.storage = Storage.open(settings.storage_url, settings.s3)
        self.remove_file = RemoveFile(database, self.storage)
        self.stored = asyncio.Event()
        """A video has been stored: whoever examines them looks."""
        self.to_empty = asyncio.Event()
        """Files are to go: the sweeper looks."""
        self.admission = Admission(Limits(settings.plans, settings.upload_max_bytes))
        self.reception = Reception(
            database, self.storage, clock, self.remove_file, self.admission, self.stored.set
        )

    def cursors(self, use: str) -> Cursors:
        """Pages of one list."""
        return Cursors(derive_key(self.secret, f"content.{use}"))
