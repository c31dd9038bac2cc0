"""What doing the work of a job is, whatever its kind."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from jobs_service.jobs.domain import Job
from jobs_service.work.progress import Progress
from shared.db.database import Transaction


@dataclass(frozen=True, slots=True)
class Result:
    """What an attempt has made.

    `shown` is what the job says of it; `store` writes all else, in the transaction that ends the
    job; `spent` are the credits it took, of those held: all of them when None.
    """

    shown: msgspec.Struct | None = None
    store: Callable[[Transaction], Awaitable[None]] | None = None
    spent: int | None = None


Perform = Callable[[Job, Progress], Awaitable[Result]]
"""Does the work of a job; a Problem says why it cannot be done, and whether to try again."""
