"""Composes what auth may ask of people."""

from jobs_service.feature import Base, JobsFeature
from jobs_service.people.endpoints import PeopleEndpoints


def build(base: Base) -> JobsFeature:
    """What is known of a person."""
    return JobsFeature(endpoints=(PeopleEndpoints(base.database),))
