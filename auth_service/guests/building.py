"""Composes guests."""

from auth_service.feature import Base, Feature
from auth_service.guests.endpoints import GuestEndpoints
from auth_service.guests.use_cases import ComeInAsGuest


def build(base: Base) -> Feature:
    """Coming in without an account."""
    come_in = ComeInAsGuest(base.database, base.start_session, base.clock)
    return Feature(endpoints=(GuestEndpoints(come_in),))
