"""The entry point that every service shares: settings, logs, broker, then serve or migrate."""

import asyncio
import sys
from collections.abc import Callable
from typing import TypeVar

from shared.db.migrations import MigrationFailed, migrate
from shared.messaging.broker import Broker
from shared.messaging.rabbitmq import RabbitMQBroker
from shared.observability.logging import configure
from shared.runtime.process import run
from shared.runtime.service import Component, Service
from shared.settings import ServiceSettings, load_or_exit

S = TypeVar("S", bound=ServiceSettings)


def main(
    module: str,
    settings_type: type[S],
    build: Callable[[S, Broker], Service],
    *,
    schema: str | None = None,
) -> int:
    """Run `python -m <module> [migrate]`; the exit code. Only an owner of a `schema` migrates."""
    command = sys.argv[1:]
    if command not in ([], *([["migrate"]] if schema else [])):
        sys.stderr.write(f"usage: python -m {module}{' [migrate]' if schema else ''}\n")
        return 2
    settings = load_or_exit(settings_type)
    configure(module, settings.log_level, pretty=settings.debug)
    if command and schema:
        return _migrate(settings, module, schema)
    broker = RabbitMQBroker(settings.amqp_url.get_secret_value(), name=module)
    service = build(settings, broker)
    consumer = Service("broker", service.app, components=(Component("consumer", broker.run),))
    return run(
        [service, consumer],
        service.app,
        host=settings.host,
        port=settings.port,
        drain_seconds=settings.drain_seconds,
    )


def _migrate(settings: ServiceSettings, package: str, schema: str) -> int:
    try:
        asyncio.run(migrate(settings.database_url.get_secret_value(), package, schema))
    except MigrationFailed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    return 0
