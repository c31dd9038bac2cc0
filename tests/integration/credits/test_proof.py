"""The proof that no credit is lost or made: it finds whatever is wrong, and says so."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from deploy.postgres.embedded import EmbeddedPostgres
from jobs_service.credits.audit import check_ledger
from jobs_service.credits.proof import ProveLedger, last_proof
from jobs_service.people.use_cases import EraseOwner
from jobs_service.settings import JobsSettings
from shared.clock import SystemClock
from shared.db.database import Database
from shared.security.principal import UserId
from shared.settings import load
from tests.integration.credits.conftest import WITH_STRIPE, Shop, opened, running
from tests.support.stripe_server import StripeServer
from tests.support.suite import ROOT

# what somebody might do to the tables, and what is wrong then, an account's or a job's each
WRONGS = {
    "UPDATE accounts SET balance = balance + 1": [
        "the account differs from the sum of its entries"
    ],
    "UPDATE accounts SET held = held + 1": [
        "the account differs from the sum of its entries",
        "what is held differs from the sum of the open holds",
    ],
    "UPDATE grants SET remaining = remaining - 1 WHERE remaining > 0": [
        "what expires differs from what is left of the grants"
    ],
    "UPDATE hold_parts SET amount = amount + 1": ["an open hold differs from its parts"],
    "UPDATE holds SET state = 'released' WHERE state = 'open'": [
        "what is held differs from the sum of the open holds",
        "a job that waits or runs has no hold",
    ],
    "UPDATE jobs SET status = 'failed', spent = 0 WHERE status = 'queued'": [
        "a hold has outlived its job"
    ],
    "UPDATE jobs SET spent = spent + 1 WHERE status = 'succeeded'": [
        "a job was charged another price than it tells"
    ],
    "UPDATE purchases SET taken_back = 1": ["a paid purchase differs from its entries"],
}


@pytest.fixture
async def shop(jobs_database: Database, stripe: StripeServer) -> AsyncIterator[Shop]:
    """A service whose tables a test may ruin."""
    async with opened(jobs_database, **WITH_STRIPE, stripe_api_base=stripe.url) as found:
        yield found


async def lived_in(shop: Shop, stripe: StripeServer, user: UserId) -> None:
    """Something of everything: a purchase, credits that end, a job that is done, one that waits."""
    bought = await shop.buy(user)
    await shop.hears(stripe.pay(bought["id"]))
    await shop.submit(user, 2)
    await shop.succeed()
    await shop.give(user, 5, days=2)
    await shop.submit(user, 3)


async def proved(shop: Shop) -> Sequence[str]:
    proof = await ProveLedger(shop.database, SystemClock())()
    return [one.what for one in proof.faults]


async def test_nothing_is_wrong_with_what_the_service_does(
    shop: Shop, stripe: StripeServer, user: UserId
) -> None:
    await lived_in(shop, stripe, user)
    assert await proved(shop) == []
    async with shop.database.transaction() as tx:
        await EraseOwner()(tx, user)
    assert await proved(shop) == []


@pytest.mark.parametrize("wrong", WRONGS)
async def test_whatever_is_wrong_is_found_and_whose_it_is(
    shop: Shop, stripe: StripeServer, user: UserId, wrong: str
) -> None:
    await lived_in(shop, stripe, user)
    await shop.database.run(text(wrong))
    proof = await ProveLedger(shop.database, SystemClock())()
    assert [one.what for one in proof.faults] == WRONGS[wrong]
    assert {one.owner_id for one in proof.faults} == {user}


async def test_operators_see_the_last_proof_as_metrics(shop: Shop, user: UserId) -> None:
    assert await figures(shop) == {}
    await shop.database.run(text("UPDATE accounts SET balance = balance + 1"))
    before = SystemClock().timestamp()
    await proved(shop)
    found = await figures(shop)
    assert found["madang_ledger_faults"] == 1
    assert found["madang_ledger_accounts"] == 1
    assert found["madang_ledger_proof_timestamp_seconds"] >= before - 1


async def test_alerts_ask_for_figures_that_exist_and_the_page_says_what_to_do(
    shop: Shop, user: UserId
) -> None:
    await proved(shop)
    known = (await figures(shop)).keys()
    rules = (ROOT / "deploy/observability/ledger-alerts.yml").read_text()
    assert set(re.findall(r"madang_\w+", rules)) <= known
    page = (ROOT / "docs/credits/credits.md").read_text()
    alerts = re.findall(r"- alert: (\w+)", rules)
    assert re.findall(r"^\| (Madang\w+) \|", page, re.MULTILINE) == alerts


async def figures(shop: Shop) -> dict[str, float]:
    shown = (await shop.http.get("/internal/metrics")).text
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(shown)
        for sample in family.samples
    }


async def test_of_several_replicas_one_proves(shop: Shop, user: UserId) -> None:
    first = shop.component("ledger-proof")
    async with opened(shop.database) as other, running(first, other.component("ledger-proof")):
        while await last_proof(shop.database) is None:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
    row = await shop.database.one(text("SELECT count(*) AS n FROM proofs"))
    assert row is not None
    assert row.n == 1


async def test_the_command_tells_and_ends_with_1_when_something_is_wrong(
    shop: Shop, postgres: EmbeddedPostgres, user: UserId, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"database_url": postgres.url("jobs"), "amqp_url": "in-process:"}
    settings = load(JobsSettings, secret_key="k" * 40, **given)
    assert await check_ledger(settings) == 0
    assert "Every account equals" in capsys.readouterr().out
    await shop.database.run(text("UPDATE accounts SET balance = balance + 1"))
    assert await check_ledger(settings) == 1
    told = f"Account of {user}: the account differs from the sum of its entries.\n"
    assert capsys.readouterr().err == told
