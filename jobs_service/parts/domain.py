"""Parts of long videos, which several workers recognise at once.

    waiting ⇄ running ──▶ done

The worker that holds the job plans its parts and waits for them; whoever has nothing else to do
claims one. Each claim gives a lease and a fencing token, as those of jobs do; a part whose worker
is lost may be claimed again as soon as its lease has ended. Parts live no longer than their job.
"""

from uuid import UUID

import msgspec

from jobs_service.recognition.offers import ProviderName


class PartLost(Exception):  # noqa: N818 - a fact, not a fault
    """The job has ended, or another worker has the part: whatever this one has heard is void."""


class Plan(msgspec.Struct, frozen=True):
    """What is to be recognised of a job's video, all that a worker who helps must know.

    `bounds` are the seconds at which parts begin and end: one more than there are parts.
    """

    job_id: UUID
    video_id: UUID
    language: str
    provider: ProviderName
    bounds: tuple[float, ...]


class Part(msgspec.Struct, frozen=True):
    """A part that a worker has claimed; `starts` and `ends` in seconds of the video."""

    job_id: UUID
    number: int
    video_id: UUID
    language: str
    provider: ProviderName
    starts: float
    ends: float
    attempt: int
    fence: int


class Standing(msgspec.Struct, frozen=True):
    """How far a job's parts are: how many there are and are done, and from 0 to 1 by time."""

    parts: int
    done: int
    reached: float

    @property
    def complete(self) -> bool:
        """Whether every part has been recognised; of a job that has ended there are none left."""
        return 0 < self.parts == self.done
