"""`python -m jobs_service check-ledger`: the proof that no credit is lost, now."""

import sys

from jobs_service.credits.proof import ProveLedger
from jobs_service.settings import JobsSettings
from shared.clock import SystemClock
from shared.db.away import DatabaseAway
from shared.db.database import Database


async def check_ledger(settings: JobsSettings) -> int:
    """Compare accounts with entries, holds, grants and purchases; 1 when something is wrong, and
    what."""
    url = settings.database_url.get_secret_value()
    database = Database(url, schema="jobs", source="check-ledger", pool_size=1)
    try:
        proof = await ProveLedger(database, SystemClock())()
    except DatabaseAway as away:
        sys.stderr.write(f"{away}\n")
        return 1
    finally:
        await database.close()
    for fault in proof.faults:
        sys.stderr.write(f"Account of {fault.owner_id}: {fault.what}.\n")
    if not proof.faults:
        sys.stdout.write(
            "Every account equals the sum of its entries, of its open holds and of its grants.\n"
        )
    return 1 if proof.faults else 0
