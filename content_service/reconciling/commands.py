"""`python -m content_service reconcile`: one pass now, and what it found, for an operator."""

import sys

from content_service.reconciling.domain import Report, Tally
from content_service.reconciling.use_cases import Reconcile
from content_service.settings import ContentSettings
from shared.clock import SystemClock
from shared.db.away import DatabaseAway
from shared.db.database import Database
from shared.storage.storage import Storage, StorageUnavailable


async def reconcile(
    settings: ContentSettings, *, dry_run: bool = False, even_if_most: bool = False
) -> int:
    """Make store and table agree; 1 when something is left that people must look at."""
    url = settings.database_url.get_secret_value()
    database = Database(url, schema="content", source="content", pool_size=2)
    storage = Storage.open(settings.storage_url, settings.s3)
    try:
        work = Reconcile(database, storage, SystemClock())
        report = await work(dry_run=dry_run, even_if_most=even_if_most)
    except (DatabaseAway, StorageUnavailable) as away:
        sys.stderr.write(f"{away}\n")
        return 1
    finally:
        await database.close()
    sys.stdout.write(as_text(report))
    is_done = report.outcome in ("agrees", "repaired") and not report.findings.resized.count
    return 0 if is_done else 1


def as_text(report: Report) -> str:
    """A report for people."""
    found = report.findings
    lines = [
        f"Objects: {found.objects.count} ({found.objects.bytes} bytes).",
        f"Videos with a file: {found.videos.count}.",
        *_lines("Objects of nobody", found.unclaimed, report.removed, "removed"),
        *_lines("Videos whose file is not there", found.lost, report.marked, "rejected"),
        *_lines("Files of another size than their rows say", found.resized, None, "left"),
    ]
    if found.agree:
        lines.append("The store and the table agree.")
    if report.doubt:
        lines.append(f"Nothing was changed: {report.doubt}")
        lines.append("If this is as it should be, say so with --even-if-most.")
    elif report.dry_run and not found.agree:
        lines.append("Nothing was changed: this was a dry run.")
    return "\n".join((*lines, ""))


def _lines(name: str, found: Tally, done: Tally | None, what: str) -> list[str]:
    if not found.count:
        return []
    told = f", {done.count} {what}" if done else f", {what}"
    more = ["  ..."] if found.count > len(found.examples) else []
    return [
        f"{name}: {found.count} ({found.bytes} bytes){told}",
        *(f"  {one}" for one in found.examples),
        *more,
    ]
