"""Composes the list of factors."""

from auth_service.factors.endpoints import FactorEndpoints
from auth_service.factors.use_cases import ListFactors
from auth_service.feature import Base, Feature


def build(base: Base) -> Feature:
    """What an account has; each kind of factor is a feature of its own."""
    return Feature(endpoints=(FactorEndpoints(ListFactors(base.database)),))
