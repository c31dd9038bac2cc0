"""Composes guests."""

from datetime import timedelta

from auth_service.feature import Base
from auth_service.guests.endpoints import GuestEndpoints
from auth_service.guests.use_cases import ComeInAsGuest, EraseGuests
from shared.runtime.feature import Feature
from shared.runtime.periodic import periodic

SECONDS_BETWEEN_ERASURES = 3600.0


def build(base: Base) -> Feature:
    """Coming in without an account, and the end of those who stay away."""
    erase = EraseGuests(
        base.database, base.erase_user, timedelta(days=base.settings.guest_days), base.clock
    )
    come_in = ComeInAsGuest(base.database, base.start_session, base.clock)
    return Feature(
        endpoints=(GuestEndpoints(come_in, base.delivery),),
        components=(periodic("guest-eraser", SECONDS_BETWEEN_ERASURES, erase),),
    )
