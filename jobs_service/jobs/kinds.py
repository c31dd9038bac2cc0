"""Kinds of jobs: what can be asked for, and what an order of each is.

A feature that offers jobs has a `JobKind` for the process that takes orders and a `Perform` (of
`work.performing`) for the workers; `jobs_service/service.py` and
`jobs_service/worker_service.py` list them.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import msgspec

from shared.security.principal import UserId


class JobOptions(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What a request for a job of any kind may say; those of a kind are its subclasses, each with
    its `tag`."""

    priority: Annotated[
        int,
        msgspec.Meta(
            ge=-10, le=10, description="Among the caller's own jobs; the highest is first."
        ),
    ] = 0
    run_at: Annotated[
        Annotated[datetime, msgspec.Meta(tz=True)] | None,
        msgspec.Meta(description="Not before this moment, which may be 30 days away."),
    ] = None


R = TypeVar("R", bound=JobOptions)


class Order(msgspec.Struct, frozen=True):
    """What a request comes to: its price in credits, the video that it is about, and the text that
    two requests for the same job have in common."""

    price: int
    video_id: UUID | None = None
    language: str | None = None
    same_as: str | None = None


@dataclass(frozen=True, slots=True)
class JobKind(Generic[R]):
    """`order` prices a request of the type `request`; it raises the Problems that speak against it.

    What is ordered can be done: whatever would make it fail for sure is refused here, before it
    costs anything.
    """

    request: type[R]
    order: Callable[[UserId, R], Awaitable[Order]]

    @property
    def name(self) -> str:
        """The type of job, as its requests and views call it."""
        return name_of(self.request)


def name_of(request: type[JobOptions] | JobOptions) -> str:
    """The type of job that this asks for."""
    return str(request.__struct_config__.tag)


Kinds = dict[type[JobOptions], JobKind[Any]]
