"""Money that goes back takes its credits along: once, as far as they are there, never more."""

import asyncio

import pytest

from jobs_service.credits.domain import Balance
from shared.ids import uuid7
from shared.security.principal import UserId
from tests.integration.credits.conftest import Shop
from tests.support.stripe_server import StripeServer


@pytest.fixture
async def bought(shop: Shop, stripe: StripeServer, user: UserId) -> str:
    """A paid purchase of 100 credits for 500 cents, of a user who had 10."""
    return await paid(shop, stripe, user, "small")


async def paid(shop: Shop, stripe: StripeServer, user: UserId, package: str) -> str:
    purchase_id = str((await shop.buy(user, package))["id"])
    await shop.hears(stripe.pay(purchase_id))
    return purchase_id


async def test_a_payment_that_goes_back_takes_its_credits_along(
    shop: Shop, stripe: StripeServer, user: UserId, bought: str
) -> None:
    await shop.hears(stripe.refund(bought, 500))
    assert await shop.balance(user) == Balance(10, 0)
    seen = await shop.purchase(user, bought)
    assert (seen["state"], seen["refunded"], seen["credits_taken_back"]) == ("paid", 500, 100)
    assert await shop.kinds(user) == ["grant", "grant", "clawback"]


async def test_two_refunds_take_each_credit_back_once(
    shop: Shop, stripe: StripeServer, user: UserId, bought: str
) -> None:
    first, second = stripe.refund(bought, 200), stripe.refund(bought, 100)
    await asyncio.gather(*(shop.hears(one) for one in [second, first, first, second]))
    await shop.hears(first)
    assert await shop.balance(user) == Balance(110 - 60, 0)


async def test_a_part_of_a_credit_is_one(
    shop: Shop, stripe: StripeServer, user: UserId, bought: str
) -> None:
    await shop.hears(stripe.refund(bought, 1))
    assert await shop.balance(user) == Balance(109, 0)


async def test_a_refund_that_is_told_before_its_payment_is_not_forgotten(
    shop: Shop, stripe: StripeServer, user: UserId
) -> None:
    purchase_id = (await shop.buy(user))["id"]
    told = stripe.pay(purchase_id)
    await shop.hears(stripe.refund(purchase_id, 250), told)
    assert await shop.balance(user) == Balance(60, 0)


async def test_what_is_spent_cannot_be_taken_back(
    shop: Shop, stripe: StripeServer, user: UserId, bought: str
) -> None:
    await shop.submit(user, 90)
    await shop.succeed()
    await shop.hears(stripe.refund(bought, 500))
    assert await shop.balance(user) == Balance(0, 0)
    assert (await shop.purchase(user, bought))["credits_taken_back"] == 20


async def test_told_again_it_takes_nothing_of_what_came_later(
    shop: Shop, stripe: StripeServer, user: UserId, bought: str
) -> None:
    await shop.submit(user, 90)
    await shop.succeed()
    told = stripe.refund(bought, 500)
    await shop.hears(told)
    await shop.give(user, 7)
    await shop.hears(told)
    assert await shop.balance(user) == Balance(7, 0)


@pytest.mark.parametrize(
    ("end", "kinds"), [("succeed", ["capture"]), ("fail", ["release", "expire"])]
)
async def test_what_a_job_holds_is_left_to_it_and_not_given_back(
    shop: Shop, stripe: StripeServer, user: UserId, bought: str, end: str, kinds: list[str]
) -> None:
    await shop.submit(user, 70)
    await shop.hears(stripe.refund(bought, 500))
    assert await shop.balance(user) == Balance(0, 70)
    await getattr(shop, end)()
    # of the 70, 10 were the user's own
    assert await shop.balance(user) == Balance(10 if end == "fail" else 0, 0)
    assert (await shop.kinds(user))[-len(kinds) :] == kinds


async def test_what_the_purchase_gave_goes_first(
    shop: Shop, stripe: StripeServer, user: UserId
) -> None:
    other = await shop.give(user, 5, days=1)
    month = await paid(shop, stripe, user, "month")
    await shop.hears(stripe.refund(month, 150))
    assert await shop.balance(user) == Balance(65, 0, 55)
    assert (await shop.remaining())[other] == 5
    await shop.hears(stripe.refund(month, 150))
    assert await shop.balance(user) == Balance(15, 0, 5)


# ---- disputes


async def test_a_dispute_that_is_lost_takes_the_credits(
    shop: Shop, stripe: StripeServer, user: UserId, bought: str
) -> None:
    await shop.hears(stripe.dispute(bought))
    assert await shop.balance(user) == Balance(10, 0)
    await shop.hears(stripe.dispute(bought, "lost"), stripe.dispute(bought))
    assert await shop.balance(user) == Balance(10, 0)


@pytest.mark.parametrize("package", ["small", "month"])
async def test_a_dispute_that_is_won_gives_them_again(
    shop: Shop, stripe: StripeServer, user: UserId, package: str
) -> None:
    bought = await paid(shop, stripe, user, package)
    before = await shop.balance(user)
    begun, won = stripe.dispute(bought), stripe.dispute(bought, "won")
    await shop.hears(begun, begun)
    assert await shop.balance(user) == Balance(10, 0)
    await shop.hears(won, won, begun)
    assert await shop.balance(user) == before
    assert (await shop.purchase(user, bought))["credits_taken_back"] == 0


@pytest.mark.parametrize("end", ["succeed", "fail"])
async def test_what_is_held_while_a_dispute_is_open_is_not_lost_when_it_is_won(
    shop: Shop, stripe: StripeServer, user: UserId, bought: str, end: str
) -> None:
    await shop.submit(user, 70)
    await shop.hears(stripe.dispute(bought))
    assert await shop.balance(user) == Balance(0, 70)
    await getattr(shop, end)()
    await shop.hears(stripe.dispute(bought, "won"))
    assert await shop.balance(user) == Balance(40 if end == "succeed" else 110, 0)


async def test_a_dispute_that_is_lost_takes_what_came_back_meanwhile(
    shop: Shop, stripe: StripeServer, user: UserId, bought: str
) -> None:
    await shop.submit(user, 70)
    await shop.hears(stripe.dispute(bought))
    await shop.fail()
    assert await shop.balance(user) == Balance(70, 0)
    await shop.hears(stripe.dispute(bought, "lost"))
    assert await shop.balance(user) == Balance(10, 0)


async def test_what_never_ended_does_not_end_after_a_dispute(
    shop: Shop, stripe: StripeServer, user: UserId
) -> None:
    month = await paid(shop, stripe, user, "month")
    await shop.submit(user, 60)
    await shop.succeed()
    await shop.hears(stripe.dispute(month))  # takes the other 40, and the 10 that last
    assert await shop.balance(user) == Balance(0, 0)
    await shop.hears(stripe.dispute(month, "won"))
    assert await shop.balance(user) == Balance(50, 0, 40)


# ---- without a provider


async def test_an_administrator_confirms_what_was_paid_in_some_other_way(bazaar: Shop) -> None:
    user, admin = await bazaar.setting.user(10), f"admin:{uuid7()}"
    bought = await bazaar.buy(user)
    assert (bought["provider"], bought["checkout_url"]) == ("manual", None)
    path = f"/api/credits/purchases/{bought['id']}"
    await bazaar.call(user, "POST", f"{path}/payment", 403)
    for _ in range(2):
        confirmed = await bazaar.call(admin, "POST", f"{path}/payment")
        assert confirmed["state"] == "paid"
    assert await bazaar.balance(user) == Balance(110, 0)


async def test_an_administrator_confirms_what_was_paid_back(bazaar: Shop) -> None:
    user, admin = await bazaar.setting.user(10), f"admin:{uuid7()}"
    path = f"/api/credits/purchases/{(await bazaar.buy(user))['id']}"
    early = await bazaar.call(admin, "PUT", f"{path}/refund", 409, json={"refunded": 1})
    assert early["code"] == "purchase_not_paid"
    await bazaar.call(admin, "POST", f"{path}/payment")
    await bazaar.call(user, "PUT", f"{path}/refund", 403, json={"refunded": 250})
    for _ in range(2):
        seen = await bazaar.call(admin, "PUT", f"{path}/refund", json={"refunded": 250})
        assert (seen["refunded"], seen["credits_taken_back"]) == (250, 50)
    assert await bazaar.balance(user) == Balance(60, 0)
    for wrong in (249, 501):
        refused = await bazaar.call(admin, "PUT", f"{path}/refund", 422, json={"refunded": wrong})
        (fault,) = refused["errors"]
        assert fault["field"] == "refunded"
        assert "between 250, which has been paid back, and 500" in fault["message"]


async def test_nobody_but_stripe_tells_of_what_is_paid_there(shop: Shop, user: UserId) -> None:
    admin = f"admin:{uuid7()}"
    path = f"/api/credits/purchases/{(await shop.buy(user))['id']}"
    for method, of, body in [("POST", "payment", None), ("PUT", "refund", {"refunded": 1})]:
        refused = await shop.call(admin, method, f"{path}/{of}", 409, json=body)
        assert refused["code"] == "purchase_not_open"
    unknown = f"/api/credits/purchases/{uuid7()}/payment"
    assert (await shop.call(admin, "POST", unknown, 404))["code"] == "purchase_not_found"
