"""Composes administration."""

from auth_service.administration.endpoints import AdministrationEndpoints
from auth_service.administration.use_cases import (
    LogOutEverywhere,
    SetRoles,
    SuspendUser,
    UnsuspendUser,
)
from auth_service.feature import Base
from shared.http.paging import Cursors
from shared.runtime.feature import Feature
from shared.security.keys import derive_key


def build(base: Base) -> Feature:
    """Users, roles, suspensions, and the audit log."""
    database, clock = base.database, base.clock
    return Feature(
        endpoints=(
            AdministrationEndpoints(
                database,
                Cursors(derive_key(base.secret, "auth.admin.cursors")),
                clock,
                base.require_recent,
                SuspendUser(database, base.end_sessions, clock),
                UnsuspendUser(database, clock),
                SetRoles(database, base.end_sessions, clock),
                LogOutEverywhere(database, base.end_sessions, clock),
            ),
        )
    )
