"""Composes reconciling."""

from content_service.feature import Base
from content_service.reconciling.use_cases import Reconcile
from shared.runtime.feature import Feature
from shared.runtime.once import once_across_replicas

SECONDS_BETWEEN_PASSES = 24 * 3600.0


def build(base: Base) -> Feature:
    """The daily pass, which one replica does for all."""
    reconcile = Reconcile(base.database, base.storage, base.clock)
    return Feature(
        components=(
            once_across_replicas(
                "reconcile", SECONDS_BETWEEN_PASSES, reconcile, base.database, base.clock
            ),
        )
    )
