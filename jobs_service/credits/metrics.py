"""`/internal/metrics`: what the last proof of the ledger found, for Prometheus.

It is read from the table at each scrape, so that every replica tells the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import Response

from jobs_service.credits.proof import Proof, last_proof
from shared.db.database import Database
from shared.http.endpoint import endpoint

MEDIA_TYPE = "text/plain"


@dataclass(frozen=True, slots=True)
class LedgerMetrics:
    """What operators watch. The gateway routes nothing here."""

    database: Database

    @endpoint(
        "GET",
        "/internal/metrics",
        summary="The figures of the ledger, for Prometheus",
        tag="internal",
        answers=(MEDIA_TYPE,),
    )
    async def figures(self) -> Response:
        """Nothing of it is about anybody."""
        registry = CollectorRegistry()
        registry.register(_Found(await last_proof(self.database)))
        return Response(generate_latest(registry), media_type=f"{MEDIA_TYPE}; version=0.0.4")


class _Found(Collector):
    def __init__(self, proof: Proof | None) -> None:
        self._proof = proof

    def collect(self) -> Iterable[Metric]:
        """Nothing before the first proof: the alert is on the lack of a young one."""
        if self._proof is None:
            return
        for name, says, value in (
            ("proof_timestamp_seconds", "When it was looked at.", self._proof.at.timestamp()),
            ("accounts", "Accounts that were looked at.", self._proof.accounts),
            ("faults", "What was wrong with them.", len(self._proof.faults)),
        ):
            yield GaugeMetricFamily(f"madang_ledger_{name}", says, value=value)
