"""The page of integration events: what each service publishes, and who hears it."""

from collections.abc import Iterator, Mapping
from types import ModuleType

import msgspec

import auth_service.events
import content_service.events
import jobs_service.events
from deploy.reference.composed import Process
from deploy.reference.markdown import page, table
from deploy.reference.words import word_for
from shared.messaging.broker import Subscription
from shared.messaging.event import IntegrationEvent

PUBLISHERS: Mapping[str, ModuleType] = {
    "auth_service": auth_service.events,
    "content_service": content_service.events,
    "jobs_service": jobs_service.events,
}

_INTRODUCTION = """\
Services tell each other what happened by events over the topic exchange `madang.events`, each in a
CloudEvents 1.0 envelope; what is listed here is its `data`. Fields are only ever added. A
subscriber reads the fields it needs and ignores the rest; `revision` orders the events about one
thing, which may arrive in any order, and twice.

An event that **must be heard** waits in its service's outbox until a subscription's queue exists. A
*durable* subscription is a queue, handled once each; a *broadcast* reaches every process that
listens at that moment."""


def events_page(processes: Mapping[str, Process]) -> str:
    """The page, by publishing service."""
    sections = [
        "\n\n".join([f"## Published by `{publisher}`", *(_event(one, processes) for one in events)])
        for publisher, module in PUBLISHERS.items()
        if (events := list(published_by(module)))
    ]
    return page("Integration events", _INTRODUCTION, *sections)


def published_by(module: ModuleType) -> Iterator[type[IntegrationEvent]]:
    """The events that `module` declares; one without a type is a base of others."""
    for one in vars(module).values():
        if isinstance(one, type) and issubclass(one, IntegrationEvent) and hasattr(one, "TYPE"):
            yield one


def _event(event: type[IntegrationEvent], processes: Mapping[str, Process]) -> str:
    fields = (
        (f"`{field.encode_name}`", word_for(field.type)) for field in msgspec.structs.fields(event)
    )
    return "\n\n".join(
        [
            f"### `{event.TYPE}`",
            f"{_first_line(event)} Version {event.VERSION}; {_importance(event)}.",
            table(("Field", "Type"), fields),
            f"Heard by: {_hearers(event, processes)}.",
        ]
    )


def _first_line(event: type[IntegrationEvent]) -> str:
    return (event.__doc__ or "").partition("\n")[0]


def _importance(event: type[IntegrationEvent]) -> str:
    return "**must be heard**" if event.MUST_BE_HEARD else "need not be heard"


def _hearers(event: type[IntegrationEvent], processes: Mapping[str, Process]) -> str:
    found = [
        f"`{process}` (`{listener.name}`, {kind})"
        for process, one in processes.items()
        for listener in one.listeners
        if event.TYPE in listener.types
        for kind in ["durable" if isinstance(listener, Subscription) else "broadcast"]
    ]
    return ", ".join(found) or "nobody yet"
