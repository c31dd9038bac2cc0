"""Composes the list of factors."""

from auth_service.factors.endpoints import FactorEndpoints
from auth_service.factors.notices import TellOfFactors
from auth_service.factors.use_cases import ListFactors, RemoveFactors
from auth_service.feature import Base
from shared.runtime.feature import Feature


def build(base: Base) -> Feature:
    """What an account has, and its end; each kind of factor is a feature of its own."""
    tell = TellOfFactors(base.write_letter, base.clock)
    remove = RemoveFactors(base.database, tell, base.end_sessions)
    return Feature(
        endpoints=(FactorEndpoints(ListFactors(base.database), remove, base.require_recent),)
    )
