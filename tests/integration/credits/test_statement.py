"""The history of an account: as CSV for spreadsheets, and page by page."""

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from jobs_service.credits.domain import Entry, EntryKind
from jobs_service.credits.repository import Credits
from jobs_service.jobs.use_cases import CancelJob
from shared.clock import SystemClock
from shared.security.principal import UserId
from tests.integration.credits.conftest import Shop

PATH = "/api/credits/statement.csv"


async def statement(shop: Shop, user: UserId, **params: str) -> list[dict[str, str]]:
    """The rows of a statement, as a spreadsheet reads them."""
    headers = {"authorization": f"Bearer {user}"}
    answer = await shop.http.get(PATH, params=params, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="credits.csv"'
    read = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    return list(read)


async def test_a_statement_adds_up_oldest_first(shop: Shop, user: UserId) -> None:
    job = await shop.submit(user, 4)
    await CancelJob(shop.database)(user, job.id)
    rows = await statement(shop, user)
    assert [one["kind"] for one in rows] == ["grant", "hold", "release"]
    total = 0
    for one in rows:
        total += int(one["amount"])
        assert int(one["balance"]) == total
    assert [one["job"] for one in rows] == ["", str(job.id), str(job.id)]
    assert list(rows[0]) == [
        "time", "kind", "amount", "held", "balance", "reason", "job", "purchase", "entry",
    ]  # fmt: skip


async def test_a_long_statement_is_whole(shop: Shop, user: UserId) -> None:
    many = """
        INSERT INTO entries (id, owner_id, kind, amount, held, balance_after, reason)
        SELECT gen_random_uuid(), :user, 'grant', 0, 0, 10, 'test' FROM generate_series(1, 1001)
    """
    await shop.database.run(text(many), {"user": user})
    rows = await statement(shop, user)
    assert len({one["entry"] for one in rows}) == len(rows) == 1002


@pytest.mark.parametrize("reason", ["=1+1", "+1", "-1", "@SUM(A1)"])
async def test_a_text_is_no_formula(shop: Shop, user: UserId, reason: str) -> None:
    async with shop.database.transaction() as tx:
        await Credits(tx).record(Entry(user, EntryKind.GRANT, 1, 0, reason))
    assert (await statement(shop, user))[-1]["reason"] == f"'{reason}"


async def test_texts_with_quotes_commas_and_korean_come_through(shop: Shop, user: UserId) -> None:
    reason = 'a "gift", 선물'
    async with shop.database.transaction() as tx:
        await Credits(tx).record(Entry(user, EntryKind.GRANT, 1, 0, reason))
    assert (await statement(shop, user))[-1]["reason"] == reason


async def test_a_statement_is_of_its_days(shop: Shop, user: UserId) -> None:
    today = SystemClock().now().date()
    yesterday, tomorrow = (str(today + timedelta(days=one)) for one in (-1, 1))
    assert await statement(shop, user, to=yesterday) == []
    assert len(await statement(shop, user, **{"from": str(today), "to": str(today)})) == 1
    assert await statement(shop, user, **{"from": tomorrow}) == []
    backwards = {"from": str(today), "to": yesterday}
    refused = await shop.call(user, "GET", PATH, 422, params=backwards)
    (fault,) = refused["errors"]
    assert (fault["field"], fault["message"]) == (
        "to", f"must not be before `from`, which is {today}",
    )  # fmt: skip


async def test_the_history_is_listed_by_kind_and_page_by_page(shop: Shop, user: UserId) -> None:
    for _ in range(3):
        job = await shop.submit(user, 1)
        await CancelJob(shop.database)(user, job.id)
    path = "/api/credits/transactions"
    params = {"kind": "hold", "limit": "2"}
    first = await shop.call(user, "GET", path, params=params)
    rest = await shop.call(user, "GET", path, params={**params, "cursor": first["next_cursor"]})
    found = first["items"] + rest["items"]
    assert [one["kind"] for one in found] == ["hold"] * 3
    assert rest["next_cursor"] is None
    assert found == sorted(found, key=lambda one: one["id"], reverse=True)
    assert len((await shop.call(user, "GET", path, params={"kind": "grant"}))["items"]) == 1


@pytest.mark.parametrize(
    "statement", ["UPDATE entries SET amount = 0", "DELETE FROM entries", "TRUNCATE entries"]
)
async def test_what_is_written_in_the_ledger_stays(
    shop: Shop, user: UserId, statement: str
) -> None:
    with pytest.raises(DBAPIError, match="entries are append-only"):
        await shop.database.run(text(statement))
    assert await shop.kinds(user) == ["grant"]


async def test_a_balance_goes_over_the_wire_as_numbers(shop: Shop, user: UserId) -> None:
    await shop.let_end(await shop.give(user, 3, days=1))
    await shop.give(user, 5, days=1)
    seen = await shop.call(user, "GET", "/api/credits/balance")
    assert seen == {"balance": 15, "held": 0}


async def test_prices_are_data_that_anybody_may_read(shop: Shop) -> None:
    found = (await shop.http.get("/api/credits/prices")).json()
    assert found["credits"]["captions_per_minute"] == 1
    assert [(one["id"], one["price"], one["days"]) for one in found["packages"]] == [
        ("small", 500, None),
        ("month", 300, 30),
    ]
