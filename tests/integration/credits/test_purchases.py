"""Buying credits by Stripe: paid for once, given once, whatever is told when and how often."""

import asyncio
import json
from datetime import timedelta
from time import time
from typing import Any

import pytest
from sqlalchemy import text
from starlette.responses import Response

from jobs_service.credits.domain import Balance
from shared.clock import SystemClock
from shared.ids import uuid7
from shared.security.principal import UserId
from tests.integration.credits.conftest import Shop, running
from tests.support.stripe_server import StripeServer, event, failed, signed


async def test_who_pays_at_stripes_page_has_the_credits(
    shop: Shop, stripe: StripeServer, user: UserId
) -> None:
    bought = await shop.buy(user)
    session = stripe.session_of(bought["id"])
    assert (bought["state"], bought["checkout_url"]) == ("open", session["url"])
    assert (session["mode"], session["amount_total"], session["currency"]) == (
        "payment", 500, "eur",
    )  # fmt: skip
    assert session["success_url"] == f"https://app.example/paid?from=shop&purchase={bought['id']}"
    assert await shop.balance(user) == Balance(10, 0)
    await shop.hears(stripe.pay(bought["id"]))
    paid = await shop.purchase(user, bought["id"])
    assert (paid["state"], paid["checkout_url"]) == ("paid", None)
    assert paid["paid_at"] is not None
    assert await shop.balance(user) == Balance(110, 0)


async def test_what_is_bought_for_days_ends_then(
    shop: Shop, stripe: StripeServer, user: UserId
) -> None:
    bought = await shop.buy(user, "month")
    await shop.hears(stripe.pay(bought["id"]))
    (grant,) = (await shop.call(user, "GET", "/api/credits/grants"))["items"]
    assert (grant["credits"], grant["remaining"], grant["reason"]) == (100, 100, "bought: month")
    row = await shop.database.one(text("SELECT expires_at FROM grants"))
    assert row is not None
    wanted = SystemClock().now() + timedelta(days=30)
    assert abs(row.expires_at - wanted) < timedelta(minutes=1)


async def test_the_same_key_is_the_same_purchase_and_the_same_checkout(
    shop: Shop, stripe: StripeServer, user: UserId
) -> None:
    first = await shop.buy(user, key="once")
    assert (await shop.buy(user, key="once"))["id"] == first["id"]
    assert len(stripe.sessions) == 1
    refused = await shop.buy(user, "month", 422, key="once")
    assert refused["code"] == "idempotency_key_reused"


async def test_the_same_top_up_settled_twice_gives_once(
    shop: Shop, stripe: StripeServer, user: UserId
) -> None:
    bought = await shop.buy(user)
    told = stripe.pay(bought["id"])
    again = event("checkout.session.async_payment_succeeded", told["data"]["object"])
    await asyncio.gather(*(shop.hears(one) for one in [told, told, again, told, again]))
    await shop.hears(told)
    assert await shop.balance(user) == Balance(110, 0)
    assert await shop.kinds(user) == ["grant", "grant"]


@pytest.mark.parametrize(
    ("end", "state", "balance"), [("arrive", "paid", 110), ("bounce", "failed", 10)]
)
async def test_a_bank_that_takes_its_time_is_waited_for(
    shop: Shop, stripe: StripeServer, user: UserId, end: str, state: str, balance: int
) -> None:
    bought = await shop.buy(user)
    await shop.hears(stripe.pay_slowly(bought["id"]))
    assert (await shop.purchase(user, bought["id"]))["state"] == "open"
    await shop.hears(getattr(stripe, end)(bought["id"]))
    assert (await shop.purchase(user, bought["id"]))["state"] == state
    assert await shop.balance(user) == Balance(balance, 0)


async def test_money_that_comes_after_all_counts(
    shop: Shop, stripe: StripeServer, user: UserId
) -> None:
    bought = await shop.buy(user)
    await shop.hears(stripe.expire(bought["id"]))
    expired = await shop.purchase(user, bought["id"])
    assert (expired["state"], expired["checkout_url"]) == ("expired", None)
    await shop.hears(stripe.pay(bought["id"]), stripe.expire(bought["id"]))
    assert (await shop.purchase(user, bought["id"]))["state"] == "paid"
    assert await shop.balance(user) == Balance(110, 0)


@pytest.mark.parametrize("other", [{"amount_total": 5}, {"currency": "usd"}])
async def test_what_was_not_paid_as_asked_gives_nothing_and_is_kept_for_a_person(
    shop: Shop, stripe: StripeServer, user: UserId, other: dict[str, object]
) -> None:
    bought = await shop.buy(user)
    await shop.hears(stripe.pay(bought["id"], **other))
    assert (await shop.purchase(user, bought["id"]))["state"] == "mismatched"
    assert await shop.balance(user) == Balance(10, 0)
    row = await shop.database.one(text("SELECT fault FROM purchases"))
    assert row is not None
    assert "instead of 500 eur" in row.fault


# ---- who tells


async def test_what_stripe_has_not_signed_or_long_ago_changes_nothing(
    shop: Shop, stripe: StripeServer, user: UserId
) -> None:
    bought = await shop.buy(user)
    told = stripe.pay(bought["id"])
    body, headers = signed(told)
    forged: list[tuple[bytes, dict[str, Any]]] = [
        signed(told, secret="whsec_of_somebody_else"),
        signed(told, age=301),
        (body.replace(b'"paid"', b'"PAID"'), headers),
        (body, {**headers, "stripe-signature": "t=1"}),
        (b"\xff" + body, headers),
        (body, {**headers, "stripe-signature": f"t={int(time())},v1=".encode() + b"\xe9"}),
    ]
    for content, sent in forged:
        answer = await shop.http.post("/api/payments/stripe", content=content, headers=sent)
        assert (answer.status_code, answer.json()["code"]) == (400, "payment_signature_wrong")
    unsigned = await shop.http.post("/api/payments/stripe", content=body)
    assert unsigned.status_code == 422
    assert await shop.balance(user) == Balance(10, 0)


async def test_news_that_is_not_ours_is_taken_and_left_alone(
    shop: Shop, stripe: StripeServer, user: UserId
) -> None:
    bought = await shop.buy(user)
    session = dict(stripe.pay(bought["id"])["data"]["object"])
    of_others = {"id": "cs_other", "client_reference_id": "order-17", "payment_intent": "pi_other"}
    charge = {"payment_intent": "pi_other", "amount_refunded": 5, "metadata": {}}
    dispute = {"payment_intent": "pi_other", "amount": 5, "status": "lost"}
    await shop.hears(
        event("checkout.session.completed", session, livemode=True),
        event("checkout.session.completed", session, account="acct_of_somebody"),
        event("checkout.session.completed", session | of_others),
        event("charge.refunded", charge),
        event("charge.dispute.closed", dispute),
        event("charge.dispute.created", dispute | {"status": "warning_needs_response"}),
        event("customer.created", {"id": "cus_1"}),
    )
    assert (await shop.purchase(user, bought["id"]))["state"] == "open"
    assert await shop.balance(user) == Balance(10, 0)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"id": "evt_1"}'])
async def test_what_cannot_be_understood_is_refused_so_that_stripe_shows_it(
    shop: Shop, body: bytes
) -> None:
    content, headers = signed(body)
    answer = await shop.http.post("/api/payments/stripe", content=content, headers=headers)
    assert answer.status_code == 400
    assert "no event of Stripe" in answer.json()["detail"]


async def test_an_endless_event_is_refused(shop: Shop) -> None:
    content, headers = signed(json.dumps({"id": "x" * 1024 * 1024}).encode())
    answer = await shop.http.post("/api/payments/stripe", content=content, headers=headers)
    assert answer.status_code == 413


# ---- crashes, and a Stripe that is away


async def test_a_payment_that_nobody_told_of_is_asked_for(
    shop: Shop, stripe: StripeServer, user: UserId
) -> None:
    bought, open_one, unknown = [await shop.buy(user) for _ in range(3)]
    stripe.pay(bought["id"])
    del stripe.sessions[stripe.session_of(unknown["id"])["id"]]
    await shop.database.run(text("UPDATE purchases SET checked_at = now() - interval '11 minutes'"))
    async with running(shop.component("purchases")):
        for one, state in [(bought, "paid"), (unknown, "failed")]:
            while (await shop.purchase(user, one["id"]))["state"] != state:
                await asyncio.sleep(0.01)
    assert (await shop.purchase(user, open_one["id"]))["state"] == "open"
    assert await shop.balance(user) == Balance(110, 0)


async def test_a_crash_before_the_checkout_was_written_loses_no_payment(
    shop: Shop, stripe: StripeServer, user: UserId
) -> None:
    bought = await shop.buy(user, key="once")
    forget = text("UPDATE purchases SET reference = NULL, checkout_url = NULL")
    await shop.database.run(forget)
    again = await shop.buy(user, key="once")
    assert (again["id"], again["checkout_url"]) == (bought["id"], bought["checkout_url"])
    await shop.database.run(forget)
    await shop.hears(stripe.pay(bought["id"]))
    assert await shop.balance(user) == Balance(110, 0)


async def test_a_purchase_that_never_had_a_page_expires(shop: Shop, user: UserId) -> None:
    lost = await shop.buy(user)
    old = "now() - interval '2 hours'"
    await shop.database.run(
        text(f"UPDATE purchases SET checked_at = {old}, created_at = {old}, reference = NULL")
    )
    async with running(shop.component("purchases")):
        while (await shop.purchase(user, lost["id"]))["state"] != "expired":
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("answers", "status", "code"),
    [
        ([failed(500, "Oh."), failed(503, "Oh.")], 503, "payments_away"),
        ([failed(429, "Slow down.", type="rate_limit_error")], 503, "payments_away"),
        ([failed(409, "Under way."), failed(409, "Under way.")], 503, "payments_away"),
        ([Response("<html>", 502), Response("<html>", 502)], 503, "payments_away"),
        ([failed(401, "Invalid API Key provided")], 502, "payments_refused"),
        ([failed(400, "Amount too small", code="amount_too_small")], 502, "payments_refused"),
    ],
)
async def test_a_stripe_that_does_not_answer_or_refuses_is_told_and_asked_again(
    shop: Shop,
    stripe: StripeServer,
    user: UserId,
    answers: list[Response],
    status: int,
    code: str,
) -> None:
    stripe.ill += answers
    refused = await shop.buy(user, wanted=status, key="once")
    assert refused["code"] == code
    bought = await shop.buy(user, key="once")
    assert bought["checkout_url"] == stripe.session_of(bought["id"])["url"]
    assert len((await shop.call(user, "GET", "/api/credits/purchases"))["items"]) == 1


async def test_one_failure_of_stripe_is_not_noticed(
    shop: Shop, stripe: StripeServer, user: UserId
) -> None:
    stripe.ill.append(failed(500, "Oh."))
    assert (await shop.buy(user))["checkout_url"]
    assert len(stripe.requests) == 2


# ---- who may buy and see what


async def test_what_is_not_for_sale_is_named_with_what_is(shop: Shop, user: UserId) -> None:
    refused = await shop.buy(user, "huge", 422)
    (fault,) = refused["errors"]
    assert fault["field"] == "package"
    assert fault["message"] == "'huge' is not for sale; choose among small, month"


async def test_guests_cannot_buy(shop: Shop) -> None:
    guest = f"guest:{uuid7()}"
    asked = {"package": "small"}
    await shop.call(guest, "POST", "/api/credits/purchases", 403, json=asked)


async def test_purchases_of_others_are_not_found(shop: Shop, user: UserId) -> None:
    bought = await shop.buy(user)
    path = f"/api/credits/purchases/{bought['id']}"
    refused = await shop.call(uuid7(), "GET", path, 404)
    assert refused["code"] == "purchase_not_found"


async def test_purchases_are_listed_newest_first_page_by_page(shop: Shop, user: UserId) -> None:
    bought = [(await shop.buy(user))["id"] for _ in range(3)]
    path = "/api/credits/purchases"
    first = await shop.call(user, "GET", path, params={"limit": 2})
    rest = await shop.call(user, "GET", path, params={"cursor": first["next_cursor"]})
    assert [one["id"] for one in first["items"] + rest["items"]] == bought[::-1]
    assert rest["next_cursor"] is None


async def test_stripe_is_told_when_it_is_not_set_up(bazaar: Shop) -> None:
    body, headers = signed({"id": "evt_1"})
    answer = await bazaar.http.post("/api/payments/stripe", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "payments_not_set_up")
