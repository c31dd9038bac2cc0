"""The proof that no credit is lost: accounts, entries and open holds agree."""

import sys

from jobs_service.credits.repository import Credits
from jobs_service.settings import JobsSettings
from shared.db.away import DatabaseAway
from shared.db.database import Database


async def check_ledger(settings: JobsSettings) -> int:
    """Compare every account with its entries and holds; 1 when one differs, and which."""
    url = settings.database_url.get_secret_value()
    database = Database(url, schema="jobs", source="check-ledger", pool_size=1)
    try:
        wrong = await Credits(database).unbalanced()
    except DatabaseAway as away:
        sys.stderr.write(f"{away}\n")
        return 1
    finally:
        await database.close()
    for owner in wrong:
        sys.stderr.write(f"The account of {owner} differs from its entries or holds.\n")
    if not wrong:
        sys.stdout.write("Every account equals the sum of its entries and of its open holds.\n")
    return 1 if wrong else 0
