"""Credits over both topologies: bought at a Stripe on this machine, spent, and accounted for."""

import csv
import io
from pathlib import Path

import httpx

from tests.support.front_end import FrontEnd
from tests.support.stripe_server import StripeServer, signed
from tests.support.suite import Suite
from tests.system.test_commands import typed


async def test_credits_are_bought_spent_and_accounted_for(
    suite: Suite, suite_stripe: StripeServer, user: FrontEnd
) -> None:
    prices = await user.call("GET", "/api/credits/prices")
    (package,) = prices["packages"]
    asked = {"package": package["id"]}
    bought = await user.call("POST", "/api/credits/purchases", 201, json=asked)
    assert bought["checkout_url"] == suite_stripe.session_of(bought["id"])["url"]
    told = suite_stripe.pay(bought["id"])
    async with suite.client() as webhook:
        assert await status_of(webhook, *signed(told, secret="whsec_of_somebody_else")) == 400
        for _ in range(2):
            assert await status_of(webhook, *signed(told)) == 200
    paid = await user.call("GET", f"/api/credits/purchases/{bought['id']}")
    assert (paid["state"], paid["credits"]) == ("paid", 100)
    before = (await user.balance())["balance"]
    assert before == 20 + 100

    video = await user.upload()
    wanted = {"type": "captions", "video_id": video["id"], "language": "en"}
    estimate = await user.call("POST", "/api/credits/estimate", json=wanted)
    job = await user.finished((await user.submit(video["id"]))["id"])
    assert job["spent"] == estimate["credits"] > 0
    assert await user.balance() == {"balance": before - estimate["credits"], "held": 0}

    statement = await user.http.get("/api/credits/statement.csv")
    assert statement.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(statement.content.decode("utf-8-sig"))))
    assert [one["kind"] for one in rows] == ["grant", "grant", "hold", "capture"]
    assert [one["purchase"] for one in rows[:2]] == ["", bought["id"]]
    assert sum(int(one["amount"]) for one in rows) == int(rows[-1]["balance"])
    assert int(rows[-1]["balance"]) == (await user.balance())["balance"]


async def status_of(webhook: httpx.AsyncClient, body: bytes, headers: dict[str, str]) -> int:
    answer = await webhook.post("/api/payments/stripe", content=body, headers=headers)
    return answer.status_code


async def test_the_ledger_is_proved_at_the_command_line(
    suite: Suite, user: FrontEnd, tmp_path: Path
) -> None:
    if "suite" in suite.processes:
        home = {"MADANG_HOME": str(suite.home / "data")}
        code, told = await typed("deploy.cli", "check-ledger", cwd=tmp_path, **home)
    else:
        env = suite.processes["jobs"].env
        code, told = await typed("jobs_service", "check-ledger", cwd=tmp_path, **env)
    assert code == 0, told
    assert "Every account equals the sum of its entries" in told
