"""Composes what is done about parts in the process that answers."""

from jobs_service.feature import Base, JobsFeature
from jobs_service.parts.repository import Parts
from shared.runtime.periodic import periodic

SECONDS_BETWEEN_CLEANINGS = 20.0


def build(base: Base) -> JobsFeature:
    """Parts of jobs that were cancelled, or failed, are deleted soon."""
    clean = Parts(base.database).forget_ended
    return JobsFeature(components=(periodic("parts-cleaner", SECONDS_BETWEEN_CLEANINGS, clean),))
