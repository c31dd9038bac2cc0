"""Composes credits."""

from jobs_service.credits.endpoints import CreditEndpoints
from jobs_service.credits.expiring import SECONDS_BETWEEN_SETTLEMENTS, SettleOverdue
from jobs_service.credits.granting import GrantCredits
from jobs_service.credits.metrics import LedgerMetrics
from jobs_service.credits.proof import SECONDS_BETWEEN_PROOFS, ProveLedger
from jobs_service.feature import Base, JobsFeature
from shared.runtime.once import once_across_replicas
from shared.runtime.periodic import periodic


def build(base: Base) -> JobsFeature:
    """Balances, movements, prices and grants, and the proof of them."""
    database, clock = base.database, base.clock
    endpoints = CreditEndpoints(
        database,
        base.cursors("cursors"),
        base.cursors("grants"),
        base.prices,
        base.settings.credit_packages,
        GrantCredits(database, clock),
    )
    return JobsFeature(
        endpoints=(endpoints, LedgerMetrics(database)),
        components=(
            periodic("grants", SECONDS_BETWEEN_SETTLEMENTS, SettleOverdue(database)),
            once_across_replicas(
                "ledger-proof",
                SECONDS_BETWEEN_PROOFS,
                ProveLedger(database, clock),
                database,
                clock,
            ),
        ),
    )
