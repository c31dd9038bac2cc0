"""Exports: everything that is known of a person, in one archive for them."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from shared.errors import Conflict, Gone, NotFound, TooMany
from shared.security.principal import UserId

KEPT_FOR = timedelta(days=7)
"""How long an archive can be fetched."""
REMEMBERED_FOR = timedelta(days=30)
"""How long it is told that there was an export."""
MOST_A_DAY = 3
ATTEMPTS = 5
LEASE = timedelta(minutes=2)
"""How long an export is left alone whose maker is silent."""
PAUSES = (
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
)
"""Before each further attempt, since what was away may be back."""


class State(StrEnum):
    """Where an export stands; one that is being made is queued, too."""

    QUEUED = "queued"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"


class ExportNotFound(NotFound):
    """There is no such export, or it is another user's."""

    code, title = "export_not_found", "There is no such export"


class ExportUnderWay(Conflict):
    """One at a time is enough."""

    code, title = "export_under_way", "An export of yours is being made already"


class ExportNotReady(Conflict):
    """The archive is still being made."""

    code, title = "export_not_ready", "The archive is not ready yet"


class ExportGone(Gone):
    """The archive could not be made, or its time is over."""

    code, title = "export_gone", "There is no archive any more; ask for a new export"


class TooManyExports(TooMany):
    """An export is much work."""

    code, title = "too_many_exports", "You have asked for several exports today"


class Export(msgspec.Struct, frozen=True):
    """An export as its row holds it; `attempts` counts them from one, the present one included."""

    id: UUID
    user_id: UserId
    state: State
    size_bytes: int | None
    reason: str | None
    attempts: int
    lease_until: datetime
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None

    @property
    def key(self) -> str:
        """Where the archive of this attempt is kept."""
        return archive_key(self.id, self.attempts)

    def require_archive(self) -> None:
        """Raise `ExportNotReady` or `ExportGone` unless the archive can be fetched."""
        if self.state is State.QUEUED:
            raise ExportNotReady("It is being made; a letter tells when it is ready.")
        if self.state is not State.READY:
            raise ExportGone(f"The export has {self.state}.")


def archive_key(export: UUID, attempt: int) -> str:
    """Each attempt has a file of its own: a lost one can harm no later one."""
    return f"exports/{export}-{attempt}"
