"""Composes accounts."""

from auth_service.accounts.change_password import ChangePassword, CheckOwnPassword
from auth_service.accounts.endpoints import AccountEndpoints, PasswordEndpoints
from auth_service.accounts.use_cases import ReadAccount, RegisterAccount
from auth_service.feature import Base
from auth_service.guests.use_cases import RegisterGuest
from shared.runtime.feature import Feature


def build(base: Base) -> Feature:
    """Registration, the caller's own account and its password."""
    register = RegisterAccount(
        base.database,
        base.passwords,
        RegisterGuest(base.end_sessions, base.clock),
        base.send_link,
        base.clock,
    )
    change_password = ChangePassword(
        base.database,
        base.passwords,
        base.breached,
        CheckOwnPassword(base.database, base.passwords, base.delays, base.clock),
        base.require_recent,
        base.end_sessions,
        base.write_letter,
        base.clock,
    )
    return Feature(
        endpoints=(
            AccountEndpoints(register, ReadAccount(base.database), base.breached, base.delivery),
            PasswordEndpoints(change_password),
        )
    )
