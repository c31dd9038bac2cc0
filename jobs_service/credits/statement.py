"""A statement of an account as CSV (RFC 4180), for spreadsheets.

It begins with a byte order mark: without one, Excel takes UTF-8 for the machine's old encoding, and
what reads CSV elsewhere knows to leave it out (`utf-8-sig`).
"""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from jobs_service.credits.domain import RecordedEntry, Which
from jobs_service.credits.repository import Credits
from shared.db.database import Database
from shared.security.principal import UserId

MEDIA_TYPE = "text/csv"
_BYTE_ORDER_MARK = "\ufeff"
_COLUMNS = ("time", "kind", "amount", "held", "balance", "reason", "job", "purchase", "entry")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PAGE = 500


async def statement(database: Database, owner: UserId, which: Which) -> AsyncIterator[bytes]:
    """The lines of a statement, oldest first, with the balance after each movement."""
    yield (_BYTE_ORDER_MARK + _lines([_COLUMNS])).encode()
    after: UUID | None = None
    while page := await Credits(database).statement_of(owner, _PAGE, after, which):
        yield _lines([_cells(entry) for entry in page]).encode()
        after = page[-1].id


def _cells(entry: RecordedEntry) -> Sequence[Any]:
    return (
        entry.created_at.isoformat(timespec="milliseconds"), entry.kind, entry.amount, entry.held,
        entry.balance_after, plain(entry.reason), entry.job_id, entry.purchase_id, entry.id,
    )  # fmt: skip


def plain(text: str) -> str:
    """A text that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _lines(rows: Sequence[Sequence[Any]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows(rows)
    return written.getvalue()


EXAMPLE_STATEMENT = _lines(
    [
        _COLUMNS,
        (
            "2026-05-04T09:12:30.512+00:00", "grant", 60, 0, 60, "welcome", None, None,
            "0196a1b2-c3d4-7000-8000-0000000000aa",
        ),
        (
            "2026-05-04T09:14:02.101+00:00", "hold", -3, 3, 57, "job submitted",
            "0196a1b2-c3d4-7000-8000-0000000000bb", None, "0196a1b2-c3d4-7000-8000-0000000000cc",
        ),
    ]
)  # fmt: skip
