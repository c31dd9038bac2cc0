"""Composes what other processes need to verify tokens."""

from auth_service.feature import Base, Feature
from auth_service.tokens.endpoints import TokenEndpoints
from auth_service.tokens.pruner import SECONDS_BETWEEN_PRUNINGS, Pruner
from shared.runtime.periodic import periodic


def build(base: Base) -> Feature:
    """Published keys and revocations, and the end of what has expired."""
    pruner = Pruner(base.database, base.clock)
    return Feature(
        endpoints=(TokenEndpoints(base.keys, base.database, base.clock),),
        components=(periodic("pruner", SECONDS_BETWEEN_PRUNINGS, pruner.prune),),
    )
