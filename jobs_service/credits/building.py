"""Composes credits."""

from jobs_service.credits.endpoints import CreditEndpoints
from jobs_service.feature import Base, JobsFeature


def build(base: Base) -> JobsFeature:
    """Balances and movements."""
    return JobsFeature(endpoints=(CreditEndpoints(base.database, base.cursors("cursors")),))
