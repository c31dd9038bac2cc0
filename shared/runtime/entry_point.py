"""The entry point that every service shares: settings, logs, broker, then serve or migrate."""

import asyncio
import inspect
import sys
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Concatenate, TypeVar

from pydantic import SecretStr

from shared.db.migrations import MigrationFailed, migrate
from shared.messaging.broker import Broker
from shared.messaging.rabbitmq import RabbitMQBroker
from shared.observability.logging import configure
from shared.runtime.process import run
from shared.runtime.service import Component, Service
from shared.settings import CommonSettings, ProcessSettings, ServiceSettings, load_or_exit

S = TypeVar("S", bound=ServiceSettings)
Command = Callable[Concatenate[S, ...], Coroutine[Any, Any, int]]
"""Takes the settings, a string for each further parameter, and a bool by keyword for each option,
which is off unless it is given; returns an exit code."""


def main(
    module: str,
    settings_type: type[S],
    build: Callable[[S, Broker], Service],
    *,
    schema: str | None = None,
    commands: Mapping[str, Command[S]] | None = None,
) -> int:
    """Run `python -m <module> [command [argument ...]]`; the exit code.

    Without a command it serves. An owner of a `schema` has the command `migrate`; `commands` are
    further ones.
    """
    known: dict[str, Command[S]] = dict(commands or {})
    if schema:
        known["migrate"] = partial(_migrate, package=module, schema=schema)
    name, options = sys.argv[1:2], [one for one in sys.argv[2:] if one.startswith("--")]
    arguments = [one for one in sys.argv[2:] if one not in options]
    if name and not (name[0] in known and _fits(known[name[0]], arguments, options)):
        usages = [" ".join([one, *_usage(command)]) for one, command in known.items()]
        choice = f" [{' | '.join(usages)}]" if known else ""
        sys.stderr.write(f"usage: python -m {module}{choice}\n")
        return 2
    settings = load_or_exit(settings_type)
    if name:
        configure(module, settings.log_level, pretty=settings.debug)
        chosen = {_keyword(one): True for one in options}
        return asyncio.run(known[name[0]](settings, *arguments, **chosen))
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


def _parameters(command: Command[Any]) -> list[str]:
    """What a command wants to be told beside the settings, as its usage says it."""
    parameters = [*inspect.signature(command).parameters.values()][1:]
    return [one.name.upper() for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]


def _options(command: Command[Any]) -> list[str]:
    """What may be said beside the parameters, as `--dry-run`."""
    parameters = inspect.signature(command).parameters.values()
    found = [one for one in parameters if one.kind is one.KEYWORD_ONLY and one.annotation is bool]
    return [f"--{one.name.replace('_', '-')}" for one in found]


def _keyword(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def _usage(command: Command[Any]) -> list[str]:
    return [*_parameters(command), *(f"[{one}]" for one in _options(command))]


def _fits(command: Command[Any], arguments: list[str], options: list[str]) -> bool:
    return len(arguments) == len(_parameters(command)) and {*options} <= {*_options(command)}


async def _migrate(settings: ServiceSettings, *, package: str, schema: str) -> int:
    try:
        await migrate(settings.database_url.get_secret_value(), package, schema)
    except MigrationFailed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    return 0
