"""`madang dead-letters`: what became of events that a subscription gave up on.

Works on RabbitMQ when `AMQP_URL` is set, else on the data of the embedded suite, whether it runs
or not.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Protocol
from uuid import UUID

import msgspec
import typer
from rich.console import Console
from rich.table import Column, Table

from deploy.home import Home
from deploy.parked import EmbeddedLetters
from deploy.postgres.cluster import ClusterFailed
from deploy.postgres.embedded import FolderInUse
from deploy.service_database import databases_of
from deploy.settings import EmbeddedSettings
from shared.db.migrations import MigrationFailed
from shared.errors import Problem
from shared.messaging.broker import DeadLetter, Subscription
from shared.messaging.rabbitmq import RabbitMQBroker
from shared.observability.logging import configure
from shared.settings import BadSettings, load_or_exit

_LISTED = 100
_MOST = 10_000
app = typer.Typer(help="List, show, replay and discard events that could not be handled.")
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
Name = Annotated[str, typer.Argument(help="A subscription, for example jobs.welcome-credits.")]
EventId = Annotated[UUID, typer.Argument(help="One event, as `list` names it.")]


class Letters(Protocol):
    """Where events are parked: RabbitMQ, or the tables of the embedded suite."""

    async def dead_letters(self, subscription: str, limit: int) -> list[DeadLetter]:
        """The parked events of a subscription, oldest first; they stay parked."""
        ...

    async def replay(self, subscription: str, event_id: UUID | None) -> int:
        """Hand one parked event, or all, to the subscription again; how many."""
        ...

    async def discard(self, subscription: str, event_id: UUID) -> int:
        """Forget a parked event for good; how many there were."""
        ...


class _Unknown(Exception):  # noqa: N818 - reads as what it is
    """There is no such subscription, or no such letter; the message says so."""


@app.command("list")
def list_letters(
    subscription: Annotated[
        str | None, typer.Argument(help="A subscription; without, which have parked events.")
    ] = None,
) -> None:
    """The subscriptions with parked events, or the parked events of one, oldest first."""

    async def work(letters: Letters) -> None:
        if subscription is None:
            await _print_subscriptions(letters)
        else:
            await _print_letters(letters, subscription)

    _run(work, subscription)


@app.command()
def show(subscription: Name, event_id: EventId) -> None:
    """One parked event, whole."""

    async def work(letters: Letters) -> None:
        for one in await letters.dead_letters(subscription, _MOST):
            if one.envelope.id == event_id:
                out.print(msgspec.json.format(msgspec.json.encode(one)).decode(), markup=False)
                return
        raise _none(subscription, event_id)

    _run(work, subscription)


@app.command()
def replay(
    subscription: Name,
    event_id: Annotated[UUID | None, typer.Argument(help="One event; all when left out.")] = None,
) -> None:
    """Hand parked events to their subscription again; it does so with a suite that runs."""

    async def work(letters: Letters) -> None:
        replayed = await letters.replay(subscription, event_id)
        if event_id is not None and not replayed:
            raise _none(subscription, event_id)
        out.print(f"{replayed} replayed.")

    _run(work, subscription)


@app.command()
def discard(subscription: Name, event_id: EventId) -> None:
    """Forget a parked event for good: one that can never be handled, or need not be any more."""

    async def work(letters: Letters) -> None:
        if not await letters.discard(subscription, event_id):
            raise _none(subscription, event_id)
        out.print("Discarded.")

    _run(work, subscription)


async def _print_subscriptions(letters: Letters) -> None:
    table = Table("subscription", "parked", "the oldest at", "its reason")
    for name in await _subscriptions():
        if found := await letters.dead_letters(name, _MOST):
            parked = f"{len(found)}" if len(found) < _MOST else f"{_MOST} or more"
            table.add_row(name, parked, _moment(found[0]), found[0].reason)
    out.print(table if table.row_count else "Nothing is parked.")


async def _print_letters(letters: Letters, subscription: str) -> None:
    found = await letters.dead_letters(subscription, _LISTED + 1)
    # an id that is cut off in a narrow window could not be asked for
    event, reason = Column("event", min_width=36, no_wrap=True), Column("reason", overflow="fold")
    table = Table(
        event, Column("subject", overflow="fold"), Column("parked at", overflow="fold"), reason
    )
    for one in found[:_LISTED]:
        table.add_row(str(one.envelope.id), one.envelope.subject, _moment(one), one.reason)
    out.print(table if found else f"Nothing is parked for {subscription}.")
    if len(found) > _LISTED:
        out.print(f"These are the oldest {_LISTED}; there are more.")


def _moment(letter: DeadLetter) -> str:
    return letter.parked_at.isoformat(timespec="seconds")


def _none(subscription: str, event_id: UUID) -> _Unknown:
    return _Unknown(f"No event {event_id} is parked for {subscription}.")


def _run(work: Callable[[Letters], Awaitable[None]], subscription: str | None) -> None:
    settings = load_or_exit(EmbeddedSettings)
    configure("dead-letters", "WARNING", pretty=True)

    async def with_letters() -> None:
        if subscription is not None:
            await _require(subscription)
        async with _letters(settings) as letters:
            await work(letters)

    try:
        asyncio.run(with_letters())
    except BadSettings as bad:
        err.print(f"These settings are missing or wrong:\n{bad}", markup=False)
        raise typer.Exit(2) from None
    except (_Unknown, Problem, MigrationFailed) as error:
        err.print(str(error), markup=False)
        raise typer.Exit(1) from None
    except (ClusterFailed, FolderInUse, FileNotFoundError) as error:
        err.print(f"The database cannot be reached: {error}", markup=False)
        raise typer.Exit(1) from None


async def _require(subscription: str) -> None:
    known = await _subscriptions()
    if subscription not in known:
        raise _Unknown(f"There is no subscription {subscription}; there are: {', '.join(known)}.")


async def _subscriptions() -> list[str]:
    """The names of all: a broker knows those that it has seen, and none that was mistyped."""
    from deploy.reference.composed import composed  # imports everything

    async with composed() as processes:
        heard = [one for process in processes.values() for one in process.listeners]
    return sorted({one.name for one in heard if isinstance(one, Subscription)})


@asynccontextmanager
async def _letters(settings: EmbeddedSettings) -> AsyncIterator[Letters]:
    if settings.amqp_url is not None:
        yield RabbitMQBroker(settings.amqp_url.get_secret_value(), name="dead-letters")
        return
    async with databases_of(Home(settings.madang_home)) as urls:
        yield EmbeddedLetters(urls)
