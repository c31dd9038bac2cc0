"""Composes the removal of files."""

from auth_service.feature import Base
from auth_service.removals.use_cases import RemoveFiles
from shared.runtime.feature import Feature
from shared.runtime.periodic import periodic

SECONDS_BETWEEN_REMOVALS = 5.0


def build(base: Base) -> Feature:
    """What removes files that are to go."""
    remove = RemoveFiles(base.database, base.storage, base.clock)
    return Feature(components=(periodic("removals", SECONDS_BETWEEN_REMOVALS, remove),))
