"""Composes sessions."""

from auth_service.feature import Base
from auth_service.sessions.endpoints import SessionEndpoints
from auth_service.sessions.list_endpoints import SessionListEndpoints
from auth_service.sessions.log_in import LogIn
from auth_service.sessions.refresh import RefreshSession
from auth_service.sessions.use_cases import EndOtherSessions, EndSession, ListSessions, LogOut
from shared.http.paging import Cursors
from shared.runtime.feature import Feature
from shared.security.keys import derive_key


def build(base: Base) -> Feature:
    """Logging in, staying logged in, logging out."""
    log_in = LogIn(base.database, base.passwords, base.delays, base.admit, base.clock)
    refresh = RefreshSession(
        base.database, base.issue_tokens, base.end_sessions, base.write_letter, base.clock
    )
    log_out = LogOut(base.database, base.end_sessions, base.clock)
    return Feature(
        endpoints=(
            SessionEndpoints(log_in, refresh, log_out, base.delivery),
            SessionListEndpoints(
                ListSessions(base.database, base.issue_tokens.limits, base.clock),
                EndSession(base.database, base.end_sessions, base.clock),
                EndOtherSessions(base.database, base.end_sessions, base.clock),
                Cursors(derive_key(base.secret, "auth.session-cursors")),
            ),
        )
    )
