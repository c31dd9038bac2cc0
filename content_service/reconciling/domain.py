"""What the store holds against what the table says: whose an object is, and what a pass found."""

from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

from content_service.videos.domain import WITHOUT_FILE, State

GRACE: Final = timedelta(hours=24)
"""How old an object must be before it may be taken for nobody's."""
REMEMBERED: Final = timedelta(days=90)
"""How long reports are kept."""
EXAMPLES: Final = 10
FEW: Final = 10
"""Up to so many are repaired whatever their share is."""

INCOMING, VIDEOS, POSTERS = "incoming", "videos", "posters"
PREFIXES: Final = (INCOMING, VIDEOS, POSTERS)
"""All that this service keeps; what else is in the store is others', and never touched."""

Outcome = Literal["agrees", "differs", "repaired", "refused"]


class Holding(msgspec.Struct, frozen=True):
    """What the row of a video says of its files."""

    state: State
    has_file: bool

    def claims(self, prefix: str) -> bool:
        """Whether its object under `prefix` may be there.

        That of a video that is to have none is the sweeper's as long as the row says that it has.
        """
        if self.state in WITHOUT_FILE:
            return self.has_file
        if self.state == "receiving":
            return prefix in (INCOMING, VIDEOS)  # it is moved before it is accepted
        return prefix in (VIDEOS, POSTERS)


class Kept(msgspec.Struct, frozen=True):
    """A video that is ready, and must have its file: the row as it was read.

    Where one is yet to be examined, whoever examines it misses the file.
    """

    id: UUID
    revision: int
    size_bytes: int

    @property
    def key(self) -> str:
        """Where its file is."""
        return f"{VIDEOS}/{self.id}"


class Tally(msgspec.Struct):
    """How many of a kind were found, their bytes, and the first of them."""

    count: int = 0
    bytes: int = 0
    examples: list[str] = msgspec.field(default_factory=list)

    def add(self, key: str, size: int) -> None:
        """Count one more."""
        self.count += 1
        self.bytes += size
        if len(self.examples) < EXAMPLES:
            self.examples.append(key)


class Findings(msgspec.Struct):
    """What a pass over store and table found."""

    objects: Tally = msgspec.field(default_factory=Tally)
    videos: Tally = msgspec.field(default_factory=Tally)
    unclaimed: Tally = msgspec.field(default_factory=Tally)
    """Objects of nobody, older than the grace."""
    lost: Tally = msgspec.field(default_factory=Tally)
    """Videos whose file is not there."""
    resized: Tally = msgspec.field(default_factory=Tally)
    """Files of another size than their rows say: told, and left to people."""

    @property
    def agree(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.unclaimed.count or self.lost.count or self.resized.count)

    @property
    def doubt(self) -> str | None:
        """Why this looks like the wrong store or the wrong table, rather than like faults: most of
        one of them would go."""
        if _is_most(self.unclaimed, self.objects):
            return (
                f"{self.unclaimed.count} of {self.objects.count} objects would be removed: are "
                "these the files of another database, or was an old back-up of it restored?"
            )
        if _is_most(self.lost, self.videos):
            return (
                f"{self.lost.count} of {self.videos.count} videos would be marked as lost: is "
                "STORAGE_URL right, and the directory mounted?"
            )
        return None


class Report(msgspec.Struct, frozen=True):
    """One pass: what it found and what it did about it."""

    started_at: datetime
    finished_at: datetime
    dry_run: bool
    outcome: Outcome
    findings: Findings
    removed: Tally
    marked: Tally
    doubt: str | None


def _is_most(part: Tally, whole: Tally) -> bool:
    return part.count > FEW and part.count * 2 > whole.count


def name_in(key: str, prefix: str) -> UUID | None:
    """The video whose object `key` is by its name: `prefix/id`, or a piece of what is arriving,
    `incoming/id/piece`; None when it is nobody's."""
    name, _, piece = key.removeprefix(f"{prefix}/").partition("/")
    if piece and prefix != INCOMING:
        return None
    try:
        found = UUID(name)
    except ValueError:
        return None
    return found if str(found) == name else None
