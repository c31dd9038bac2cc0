"""What an operator is told by `python -m content_service reconcile`."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from content_service.reconciling.commands import as_text, reconcile
from content_service.reconciling.domain import Findings, Report, Tally
from content_service.settings import ContentSettings
from deploy.postgres.embedded import EmbeddedPostgres
from shared.db.database import Database
from shared.settings import load

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def settings(database_url: str, storage_url: str) -> ContentSettings:
    return load(
        ContentSettings,
        secret_key="a secret of the whole installation, long enough",
        database_url=database_url,
        amqp_url="in-process:",
        storage_url=storage_url,
    )


async def test_a_pass_can_be_asked_for(
    postgres: EmbeddedPostgres,
    content_database: Database,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = settings(postgres.url("content"), (tmp_path / "files").as_uri())
    assert await reconcile(given) == 0
    assert "The store and the table agree." in capsys.readouterr().out


async def test_a_store_or_a_database_that_is_away_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = "postgresql+asyncpg://nobody:x@127.0.0.1:1/none"
    assert await reconcile(settings(away, tmp_path.as_uri())) == 1
    assert capsys.readouterr().err


def test_a_report_names_what_was_found_and_done() -> None:
    found = Findings(
        objects=Tally(30, 3000),
        videos=Tally(20, 2900),
        unclaimed=Tally(11, 100, [f"videos/{n}" for n in range(10)]),
        lost=Tally(1, 7, ["videos/lost"]),
        resized=Tally(1, 9, ["videos/short"]),
    )
    report = Report(NOW, NOW, False, "repaired", found, Tally(11, 100), Tally(0, 0), None)
    text = as_text(report)
    assert "Objects of nobody: 11 (100 bytes), 11 removed\n  videos/0\n" in text
    assert "  videos/9\n  ...\n" in text
    assert "Videos whose file is not there: 1 (7 bytes), 0 rejected\n  videos/lost\n" in text
    assert "Files of another size than their rows say: 1 (9 bytes), left\n  videos/short\n" in text


def test_a_report_says_why_nothing_was_changed() -> None:
    found = Findings(unclaimed=Tally(11, 100, ["videos/0"]))
    refused = Report(NOW, NOW, False, "refused", found, Tally(), Tally(), "is this right?")
    assert "Nothing was changed: is this right?\n" in as_text(refused)
    assert "--even-if-most" in as_text(refused)
    dry = Report(NOW, NOW, True, "differs", found, Tally(), Tally(), None)
    assert as_text(dry).endswith("Nothing was changed: this was a dry run.\n")
