"""Composes accounts."""

from auth_service.accounts.endpoints import AccountEndpoints
from auth_service.accounts.use_cases import ReadAccount, RegisterAccount
from auth_service.feature import Base, Feature


def build(base: Base) -> Feature:
    """Registration, and the caller's own account."""
    register = RegisterAccount(base.database, base.passwords, base.send_link, base.clock)
    return Feature(
        endpoints=(AccountEndpoints(register, ReadAccount(base.database), base.breached),)
    )
