"""What a feature adds to the service that it belongs to.

Each feature has a `building.py` with `build(base) -> Feature`, where `base` is what the features of
a service share, and the service's `service.py` lists them.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.runtime.service import Component


@dataclass(frozen=True, slots=True)
class Feature:
    """Groups of endpoints, and what runs beside them."""

    endpoints: tuple[object, ...] = ()
    components: tuple[Component, ...] = ()
    before_start: tuple[Callable[[], Awaitable[None]], ...] = ()
    close: tuple[Callable[[], Awaitable[None]], ...] = ()
