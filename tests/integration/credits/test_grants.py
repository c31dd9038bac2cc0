"""Credits that end: which are spent first, what becomes of the rest, and who gives them."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from jobs_service.credits.domain import Balance, NotEnoughCredits
from jobs_service.credits.use_cases import transfer_credits
from jobs_service.jobs.repository import Jobs
from jobs_service.jobs.use_cases import AdoptJobs, CancelJob
from jobs_service.people.use_cases import EraseOwner
from jobs_service.work.use_cases import FinishJob
from shared.clock import SystemClock
from shared.db.aliases import Aliases
from shared.ids import uuid7
from shared.security.principal import UserId
from tests.integration.credits.conftest import Shop, running
from tests.support.jobs import captioned
from tests.support.tracks import TRACK

ADMIN = f"admin:{uuid7()}"


async def test_what_ends_first_is_spent_first_and_what_never_ends_last(
    shop: Shop, user: UserId
) -> None:
    late, soon = await shop.give(user, 4, days=9), await shop.give(user, 4, days=2)
    await shop.submit(user, 3)
    assert await shop.remaining() == {late: 4, soon: 1}
    await shop.submit(user, 3)
    assert await shop.remaining() == {late: 2, soon: 0}
    await shop.submit(user, 5)
    assert await shop.remaining() == {late: 0, soon: 0}
    assert await shop.balance(user) == Balance(7, 11)


async def test_the_lower_priority_is_spent_before_the_sooner_end(shop: Shop, user: UserId) -> None:
    soon = await shop.give(user, 4, days=2)
    first = await shop.give(user, 4, days=9, priority=10)
    await shop.submit(user, 5)
    assert await shop.remaining() == {soon: 3, first: 0}


async def test_grants_are_listed_in_the_order_in_which_they_are_spent(
    shop: Shop, user: UserId
) -> None:
    late, soon = await shop.give(user, 4, days=9), await shop.give(user, 4, days=2)
    first = await shop.give(user, 4, days=20, priority=10)
    over = await shop.give(user, 4, days=1)
    await shop.let_end(over)
    path = "/api/credits/grants"
    page = await shop.call(user, "GET", path, params={"limit": 2})
    rest = await shop.call(user, "GET", path, params={"cursor": page["next_cursor"]})
    listed = [one["id"] for one in page["items"] + rest["items"]]
    assert listed == [str(one) for one in (first, soon, late)]


async def test_what_is_over_cannot_be_spent_even_before_that_is_recorded(
    shop: Shop, user: UserId
) -> None:
    await shop.let_end(await shop.give(user, 5, days=1))
    assert await shop.balance(user) == Balance(10, 0)
    with pytest.raises(NotEnoughCredits, match="costs 11 credits; the account has 10"):
        await shop.submit(user, 11)
    await shop.submit(user, 10)
    assert (await shop.kinds(user))[-2:] == ["expire", "hold"]


async def test_that_it_is_over_is_recorded_for_those_who_do_nothing(
    shop: Shop, user: UserId
) -> None:
    await shop.let_end(await shop.give(user, 5, days=1))
    await shop.give(user, 5, days=1)
    async with running(shop.component("grants")):
        while "expire" not in await shop.kinds(user):
            await asyncio.sleep(0.01)
    assert await shop.kinds(user) == ["grant", "grant", "grant", "expire"]
    assert await shop.balance(user) == Balance(15, 0, 5)


# ---- what a hold gives back


async def test_what_a_job_gives_back_goes_where_it_came_from(shop: Shop, user: UserId) -> None:
    grant = await shop.give(user, 4, days=2)
    job = await shop.submit(user, 6)
    assert await shop.balance(user) == Balance(8, 6)
    await CancelJob(shop.database)(user, job.id)
    assert await shop.remaining() == {grant: 4}
    assert await shop.balance(user) == Balance(14, 0, 4)


async def test_what_goes_back_to_a_grant_that_is_over_expires_at_once(
    shop: Shop, user: UserId
) -> None:
    grant = await shop.give(user, 4, days=2)
    job = await shop.submit(user, 6)
    await shop.let_end(grant)
    await CancelJob(shop.database)(user, job.id)
    assert await shop.kinds(user) == ["grant", "grant", "hold", "release", "expire"]
    assert await shop.balance(user) == Balance(10, 0)


async def test_of_a_part_that_is_spent_that_which_would_be_lost_goes_first(
    shop: Shop, user: UserId
) -> None:
    first, over = await shop.give(user, 3, days=2), await shop.give(user, 3, days=3)
    await shop.submit(user, 8)
    job = await shop.claimed()
    await shop.let_end(over)
    result = captioned(job, TRACK)
    await FinishJob(shop.database)(job, type(result)(result.shown, result.store, spent=4))
    assert await shop.remaining() == {first: 2, over: 0}
    assert await shop.balance(user) == Balance(12, 0, 2)


async def test_the_last_credits_of_a_grant_are_held_once(shop: Shop) -> None:
    user = await shop.setting.user(1)
    await shop.give(user, 5, days=2)
    asked = [shop.submit(user, 4) for _ in range(4)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    refused = [one for one in found if isinstance(one, NotEnoughCredits)]
    assert len(refused) == 3
    assert await shop.balance(user) == Balance(2, 4, 1)


# ---- guests, and those who are erased


async def test_a_guests_grants_go_with_the_user_they_turned_out_to_be(shop: Shop) -> None:
    guest, user = await shop.setting.user(0), await shop.setting.user(10)
    grant = await shop.give(guest, 5, days=2)
    job = await shop.submit(guest, 3)
    async with shop.database.transaction() as tx:
        await Aliases(tx).add(guest, user)
        await AdoptJobs()(tx, guest, user)
    assert await shop.balance(user) == Balance(12, 3, 2)
    await CancelJob(shop.database)(user, job.id)
    assert await shop.remaining() == {grant: 5}
    assert await shop.balance(guest) == Balance(0, 0)
    given = await give(shop, guest, credits=1)
    assert given["user_id"] == str(user)


async def test_what_is_over_does_not_go_with_them(shop: Shop) -> None:
    guest, user = await shop.setting.user(0), await shop.setting.user(10)
    await shop.let_end(await shop.give(guest, 5, days=2))
    async with shop.database.transaction() as tx:
        await Jobs(tx).lock_all_of(guest)
        await transfer_credits(tx, guest, user)
    assert await shop.kinds(guest) == ["grant", "expire"]
    assert await shop.balance(user) == Balance(10, 0)


# ---- giving by hand


async def give(shop: Shop, user: UserId, wanted: int = 201, key: str = "", **more: Any) -> Any:
    asked = {"user_id": str(user), "credits": 5, "reason": "a gift", **more}
    headers = {"idempotency-key": key} if key else {}
    path = "/api/credits/grants"
    return await shop.call(ADMIN, "POST", path, wanted, json=asked, headers=headers)


async def test_an_administrator_gives_credits_and_the_history_says_why(
    shop: Shop, user: UserId
) -> None:
    end = (SystemClock().now() + timedelta(days=3)).isoformat()
    given = await give(shop, user, expires_at=end, priority=1)
    assert (given["credits"], given["priority"], given["reason"]) == (5, 1, "a gift")
    newest = (await shop.call(user, "GET", "/api/credits/transactions"))["items"][0]
    assert (newest["kind"], newest["amount"], newest["reason"]) == ("grant", 5, "a gift")
    assert await shop.balance(user) == Balance(15, 0, 5)
    row = await shop.database.one(text("SELECT granted_by FROM entries WHERE reason = 'a gift'"))
    assert row is not None
    assert str(row.granted_by) in ADMIN


async def test_the_same_key_gives_once(shop: Shop, user: UserId) -> None:
    first, again = await give(shop, user, key="gift"), await give(shop, user, key="gift")
    assert first == again
    assert await shop.balance(user) == Balance(15, 0)
    assert (await give(shop, user, 422, key="gift", credits=6))["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"credits": 0}, "credits"),
        ({"credits": 10**10}, "credits"),
        ({"reason": ""}, "reason"),
        ({"reason": "welcome"}, "only the system gives"),
        ({"reason": "a\nb"}, "printable"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "must lie in the future"),
        ({"expires_at": "2099-01-01T00:00:00"}, "expires_at"),
        ({"priority": 101}, "priority"),
        ({"user_id": "me"}, "user_id"),
    ],
)
async def test_what_cannot_be_given_is_named(
    shop: Shop, user: UserId, wrong: dict[str, object], says: str
) -> None:
    path = "/api/credits/grants"
    asked = {"user_id": str(user), "credits": 5, "reason": "a gift", **wrong}
    refused = await shop.call(ADMIN, "POST", path, 422, json=asked)
    (fault,) = refused["errors"]
    assert says in f"{fault['field']} {fault['message']}"


async def test_only_administrators_give(shop: Shop, user: UserId) -> None:
    asked = {"user_id": str(user), "credits": 5, "reason": "a gift"}
    await shop.call(user, "POST", "/api/credits/grants", 403, json=asked)


async def test_who_has_no_account_is_given_nothing(shop: Shop, user: UserId) -> None:
    assert (await give(shop, UserId(uuid7()), 404))["code"] == "account_not_found"
    async with shop.database.transaction() as tx:
        await EraseOwner()(tx, user)
    assert (await give(shop, user, 404))["code"] == "account_not_found"
