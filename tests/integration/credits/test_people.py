"""What is told of somebody's credits and purchases, and what stays when they are erased."""

import json
from typing import Any

from sqlalchemy import text

from jobs_service.credits.domain import Balance
from jobs_service.people.use_cases import EraseOwner
from shared.ids import uuid7
from shared.security.principal import UserId
from tests.integration.credits.conftest import Shop
from tests.support.stripe_server import StripeServer
from tests.support.traces import traces

LEDGER = ("accounts", "entries", "grants", "purchases")


async def erase(shop: Shop, user: UserId) -> None:
    async with shop.database.transaction() as tx:
        await EraseOwner()(tx, user)


async def ledger(shop: Shop) -> dict[str, Any]:
    """Everything in the tables of credits, but whose it is."""
    found = {}
    for table in LEDGER:
        rows = await shop.database.all(
            text(
                "SELECT to_jsonb(one) - 'owner_id' - 'granted_by' - 'checkout_url' AS row"
                f" FROM {table} one ORDER BY 1"
            )
        )
        found[table] = [row.row for row in rows]
    return found


async def test_the_export_has_movements_grants_and_purchases(
    shop: Shop, stripe: StripeServer, user: UserId
) -> None:
    bought = await shop.buy(user, "month")
    await shop.hears(stripe.pay(bought["id"]))
    await shop.buy(await shop.setting.user(5))
    headers = {"authorization": "Bearer auth"}
    answer = await shop.http.get(f"/internal/people/{user}/data", headers=headers)
    lines = [json.loads(line) for line in answer.text.splitlines()]
    told = {kind: [one["record"] for one in lines if one["kind"] == kind] for kind in kinds(lines)}
    assert told["balance"] == [{"balance": 110, "held": 0}]
    assert [one["amount"] for one in told["credits"]] == [100, 10]
    assert [(one["credits"], one["remaining"]) for one in told["grants"]] == [(100, 100)]
    assert [(one["id"], one["state"]) for one in told["purchases"]] == [(bought["id"], "paid")]


def kinds(lines: list[dict[str, Any]]) -> set[str]:
    return {str(one["kind"]) for one in lines}


async def test_the_accounts_of_the_erased_stay_and_tell_nobody(
    shop: Shop, stripe: StripeServer, user: UserId
) -> None:
    bought, unpaid = await shop.buy(user, "month"), await shop.buy(user)
    await shop.hears(stripe.pay(bought["id"]))
    before = await ledger(shop)
    await erase(shop, user)
    assert await traces(shop.database, str(user)) == {}
    assert await ledger(shop) == before
    # money moves on: it comes, and goes back
    await shop.hears(stripe.pay(unpaid["id"]), stripe.refund(bought["id"], 300))
    row = await shop.database.one(text("SELECT sum(balance) AS n FROM accounts"))
    assert row is not None
    assert row.n == 10 + 100
    assert await shop.balance(user) == Balance(0, 0)
    assert await traces(shop.database, str(user)) == {}


async def test_an_administrator_who_is_erased_is_not_told_as_a_giver(
    shop: Shop, user: UserId
) -> None:
    admin = uuid7()
    asked = {"user_id": str(user), "credits": 5, "reason": "a gift"}
    await shop.call(f"admin:{admin}", "POST", "/api/credits/grants", 201, json=asked)
    assert (await traces(shop.database, str(admin))).keys() == {"entries"}
    await erase(shop, UserId(admin))
    assert await traces(shop.database, str(admin)) == {}
    assert await shop.balance(user) == Balance(15, 0)
