"""Composes what other processes need to verify tokens."""

from datetime import timedelta

from auth_service.feature import Base
from auth_service.tokens.endpoints import TokenEndpoints
from auth_service.tokens.pruner import SECONDS_BETWEEN_PRUNINGS, Pruner
from auth_service.tokens.rotation import RotateKeys
from auth_service.tokens.seal import Seal
from shared.runtime.feature import Feature
from shared.runtime.periodic import periodic
from shared.runtime.service import Component

_SECONDS_BETWEEN_LOOKS = 3600.0


def build(base: Base) -> Feature:
    """Published keys and revocations, new keys in time, and the end of what has expired."""
    pruner = Pruner(base.database, base.clock)
    return Feature(
        endpoints=(TokenEndpoints(base.keys, base.database, base.clock),),
        components=(
            periodic("pruner", SECONDS_BETWEEN_PRUNINGS, pruner.prune),
            *_rotation(base),
        ),
    )


def _rotation(base: Base) -> tuple[Component, ...]:
    settings = base.settings
    if not settings.key_rotation_days:
        return ()
    rotate = RotateKeys(
        base.database,
        Seal(base.secret),
        timedelta(seconds=settings.key_published_ahead_seconds),
        base.clock,
    )
    age = timedelta(days=settings.key_rotation_days)

    async def look() -> None:
        if await rotate.if_older_than(age):
            await base.keys.load()

    return (periodic("key-rotation", _SECONDS_BETWEEN_LOOKS, look),)
