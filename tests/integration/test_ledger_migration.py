"""Accounts from before grants could end: what was lapsing of a hold still lapses."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from deploy.postgres.embedded import EmbeddedPostgres
from jobs_service.credits.domain import Balance
from jobs_service.credits.repository import Credits
from jobs_service.jobs.use_cases import CancelJob
from shared.db.database import Database
from shared.db.migrations import migrate
from shared.ids import uuid7
from shared.security.principal import UserId
from tests.support.suite import ROOT

BEFORE = "000[1-4]_*.py"
ROWS = (
    "INSERT INTO accounts (owner_id, balance, held) VALUES (:owner, 4, 6)",
    (
        "INSERT INTO jobs (id, owner_id, type, request, status, price)"
        " VALUES (:job, :owner, 'text', '{}', 'queued', 6)"
    ),
    (
        "INSERT INTO holds (job_id, owner_id, amount, lapsing, expires_at)"
        " VALUES (:job, :owner, 6, 5, now() + interval '1 day')"
    ),
    (
        "INSERT INTO entries (id, owner_id, kind, amount, held, balance_after, reason)"
        " VALUES (gen_random_uuid(), :owner, 'grant', 10, 0, 10, 'welcome')"
    ),
    (
        "INSERT INTO entries (id, owner_id, kind, amount, held, balance_after, reason, job_id)"
        " VALUES (gen_random_uuid(), :owner, 'hold', -6, 6, 4, 'job submitted', :job)"
    ),
)


async def test_what_was_lapsing_expires_when_it_is_given_back(
    database: Database,
    postgres: EmbeddedPostgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    versions = tmp_path / "jobs_before" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "jobs_before" / "__init__.py").touch()
    for file in (ROOT / "jobs_service" / "migrations" / "versions").glob(BEFORE):
        shutil.copy(file, versions)
    monkeypatch.syspath_prepend(str(tmp_path))
    url = postgres.url("scratch")
    await migrate(url, "jobs_before", database.schema)
    owner, job = UserId(uuid7()), uuid7()
    for statement in ROWS:
        given = {"owner": owner, "job": job}
        wanted = {name: value for name, value in given.items() if f":{name}" in statement}
        await database.run(text(statement), wanted)
    await migrate(url, "jobs_service", database.schema)
    assert await Credits(database).unbalanced() == []
    assert await Credits(database).balance(owner) == Balance(4, 6)
    await CancelJob(database)(owner, job)
    assert await Credits(database).balance(owner) == Balance(5, 0)
    assert await Credits(database).unbalanced() == []
