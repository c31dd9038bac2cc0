"""The daily proof that no credit is lost or made."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, select

from jobs_service.credits.checks import Checks, Fault
from jobs_service.tables import proofs
from shared.clock import Clock
from shared.db.database import Database
from shared.db.executor import Executor
from shared.ids import uuid7
from shared.observability.logging import get_logger

log = get_logger(__name__)

SECONDS_BETWEEN_PROOFS = 24 * 3600.0
_SHOWN = 100
"""Faults that are kept and told; what is wrong with more is wrong with these."""
_ADD = insert(proofs)
_LAST = select(proofs).order_by(proofs.c.at.desc()).limit(1)


class Proof(msgspec.Struct, frozen=True):
    """What was found when all `accounts` were looked at, within `seconds`."""

    id: UUID
    at: datetime
    accounts: int
    seconds: float
    faults: list[Fault]


@dataclass(frozen=True, slots=True)
class ProveLedger:
    """Look at every account, and keep what was found."""

    database: Database
    clock: Clock

    async def __call__(self) -> Proof:
        """The proof; its faults are logged."""
        at, began = self.clock.now(), self.clock.monotonic()
        checks = Checks(self.database)
        accounts, faults = await checks.accounts(), await checks.faults()
        proof = Proof(uuid7(), at, accounts, self.clock.monotonic() - began, faults)
        shown = [msgspec.to_builtins(fault) for fault in faults[:_SHOWN]]
        await self.database.run(_ADD, {**msgspec.structs.asdict(proof), "faults": shown})
        for fault in faults[:_SHOWN]:
            log.error("ledger_fault", owner=fault.owner_id, what=fault.what)
        log.info("ledger_proved", accounts=accounts, faults=len(faults))
        return proof


async def last_proof(executor: Executor) -> Proof | None:
    """The newest proof; None before the first."""
    row = await executor.one(_LAST)
    if row is None:
        return None
    return Proof(**{**row._mapping, "faults": msgspec.convert(row.faults, list[Fault])})
