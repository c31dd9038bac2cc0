"""The entry point that every service shares: settings, logs, broker, then serve or migrate."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from pydantic import SecretStr

from shared.db.migrations import MigrationFailed, migrate
from shared.messaging.broker import Broker
from shared.messaging.rabbitmq import RabbitMQBroker
from shared.observability.logging import configure
from shared.runtime.process import run
from shared.runtime.service import Component, Service
from shared.settings import CommonSettings, ProcessSettings, ServiceSettings, load_or_exit

S = TypeVar("S", bound=ServiceSettings)
Command = Callable[[S], Coroutine[Any, Any, int]]
"""Takes the settings and returns an exit code."""


def main(
    module: str,
    settings_type: type[S],
    build: Callable[[S, Broker], Service],
    *,
    schema: str | None = None,
    commands: Mapping[str, Command[S]] | None = None,
) -> int:
    """Run `python -m <module> [command]`; the exit code.

    Without a command it serves. An owner of a `schema` has the command `migrate`; `commands` are
    further ones.
    """
    known = dict(commands or {})
    if schema:
        known["migrate"] = lambda settings: _migrate(settings, module, schema)
    if sys.argv[1:] and (len(sys.argv) > 2 or sys.argv[1] not in known):
        choice = f" [{' | '.join(known)}]" if known else ""
        sys.stderr.write(f"usage: python -m {module}{choice}\n")
        return 2
    settings = load_or_exit(settings_type)
    if sys.argv[1:]:
        configure(module, settings.log_level, pretty=settings.debug)
        return asyncio.run(known[sys.argv[1]](settings))
    return serve(module, settings, settings.amqp_url, lambda broker: build(settings, broker))


def serve(
    name: str, settings: CommonSettings, amqp_url: SecretStr, build: Callable[[Broker], Service]
) -> int:
    """Run one service on RabbitMQ, as the process `name`, until told to end; the exit code."""
    configure(name, settings.log_level, pretty=settings.debug)
    broker = RabbitMQBroker(amqp_url.get_secret_value(), name=name)
    service = build(broker)
    consumer = Service("broker", service.app, components=(Component("consumer", broker.run),))
    return serve_alone(settings, service, consumer)


def serve_alone(settings: ProcessSettings, *services: Service) -> int:
    """Run `services` without a broker, and answer with the app of the first; the exit code."""
    return run(
        services,
        services[0].app,
        host=settings.host,
        port=settings.port,
        drain_seconds=settings.drain_seconds,
    )


async def _migrate(settings: ServiceSettings, package: str, schema: str) -> int:
    try:
        await migrate(settings.database_url.get_secret_value(), package, schema)
    except MigrationFailed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    return 0
