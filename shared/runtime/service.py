"""What a service is to the process that runs it: an ASGI app, and background components."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from starlette.types import ASGIApp

Ready = Callable[[], None]
Check = Callable[[], Awaitable[None]]
"""Raises when what it checks is not usable."""


class CannotStart(Exception):  # noqa: N818 - reads as what it is
    """Raised by `before_start`: what is wrong, and what the operator can do about it."""


@dataclass(frozen=True, slots=True)
class Component:
    """Something that runs for as long as the process: a relay, a consumer, a sweeper.

    `run` calls `ready` once it does its work, and returns only when it is cancelled; on
    cancellation it finishes what it has in hand. Its crash ends the process.
    """

    name: str
    run: Callable[[Ready], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Service:
    """One composed service.

    `before_start` run in order before anything else and may refuse to start by raising;
    `checks` decide readiness; `close` runs last, after every component has ended.
    """

    name: str
    app: ASGIApp
    components: tuple[Component, ...] = ()
    before_start: tuple[Callable[[], Awaitable[None]], ...] = ()
    checks: Mapping[str, Check] = field(default_factory=dict)
    close: tuple[Callable[[], Awaitable[None]], ...] = ()
