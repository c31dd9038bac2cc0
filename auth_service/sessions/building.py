"""Composes sessions."""

from auth_service.feature import Base, Feature
from auth_service.sessions.endpoints import SessionEndpoints
from auth_service.sessions.log_in import LogIn
from auth_service.sessions.use_cases import LogOut, RefreshSession


def build(base: Base) -> Feature:
    """Logging in, staying logged in, logging out."""
    log_in = LogIn(base.database, base.passwords, base.delays, base.admit, base.clock)
    refresh = RefreshSession(base.database, base.issue_tokens, base.end_sessions, base.clock)
    log_out = LogOut(base.database, base.end_sessions)
    return Feature(endpoints=(SessionEndpoints(log_in, refresh, log_out, base.delivery),))
