"""`madang dead-letters`: what became of events that a subscription gave up on.

Works on RabbitMQ when `AMQP_URL` is set, else on the data of the embedded suite, which must not
be running then: its broker lives in its process.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from deploy.home import AlreadyRunning, Home
from deploy.settings import EmbeddedSettings
from shared.errors import Problem
from shared.messaging.broker import Broker
from shared.messaging.rabbitmq import RabbitMQBroker
from shared.observability.logging import configure
from shared.settings import load_or_exit

app = typer.Typer(help="List, show and replay events that could not be handled.")
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
Subscription = Annotated[str, typer.Argument(help="For example jobs.welcome-credits.")]


@app.command("list")
def list_letters(subscription: Subscription) -> None:
    """The parked events of a subscription, oldest first."""

    async def work(broker: Broker) -> None:
        table = Table("event", "type", "subject", "attempts", "parked at", "reason")
        letters = await broker.dead_letters(subscription)
        for one in letters:
            envelope = one.envelope
            table.add_row(
                str(envelope.id), envelope.type, envelope.subject, str(one.attempts),
                one.parked_at.isoformat(timespec="seconds"), one.reason,
            )  # fmt: skip
        out.print(table if letters else f"Nothing is parked for {subscription}.")

    _run(work)


@app.command()
def show(subscription: Subscription, event_id: UUID) -> None:
    """One parked event, whole."""

    async def work(broker: Broker) -> None:
        for one in await broker.dead_letters(subscription, limit=10_000):
            if one.envelope.id == event_id:
                out.print(msgspec.json.format(msgspec.json.encode(one)).decode(), markup=False)
                return
        err.print(f"No event {event_id} is parked for {subscription}.")
        raise typer.Exit(1)

    _run(work)


@app.command()
def replay(
    subscription: Subscription,
    event_id: Annotated[UUID | None, typer.Argument(help="One event; all when left out.")] = None,
) -> None:
    """Hand parked events to their subscription again."""

    async def work(broker: Broker) -> None:
        out.print(f"{await broker.replay(subscription, event_id)} replayed.")

    _run(work)


def _run(work: Callable[[Broker], Awaitable[None]]) -> None:
    settings = load_or_exit(EmbeddedSettings)
    configure("dead-letters", "WARNING", pretty=True)

    async def with_broker() -> None:
        async with _broker(settings) as broker:
            await work(broker)

    try:
        asyncio.run(with_broker())
    except AlreadyRunning as running:
        err.print(f"{running} Stop it first.")
        raise typer.Exit(3) from None
    except (LookupError, Problem) as error:
        err.print(str(error))
        raise typer.Exit(1) from None


@asynccontextmanager
async def _broker(settings: EmbeddedSettings) -> AsyncIterator[Broker]:
    if settings.amqp_url is not None:
        yield RabbitMQBroker(settings.amqp_url.get_secret_value(), name="dead-letters")
        return
    from deploy.embedded import stopped_suite

    async with stopped_suite(Home(settings.madang_home)) as broker:
        yield broker
