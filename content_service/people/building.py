"""Composes what auth may ask of people."""

from content_service.feature import Base
from content_service.people.endpoints import PeopleEndpoints
from shared.runtime.feature import Feature


def build(base: Base) -> Feature:
    """What is known of a person."""
    return Feature(endpoints=(PeopleEndpoints(base.database, base.clock),))
