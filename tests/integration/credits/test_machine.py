"""Random histories of an account on a real database: never negative, never lost, always proved."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from jobs_service.credits.checks import Checks
from jobs_service.credits.domain import NotEnoughCredits
from jobs_service.credits.expiring import SettleOverdue
from jobs_service.credits.repository import Credits
from jobs_service.jobs.domain import Job, JobFinished, JobNotFailed
from jobs_service.jobs.repository import Jobs
from jobs_service.jobs.submit import RetryJob
from jobs_service.jobs.use_cases import CancelJob, FindJob
from jobs_service.payments.domain import Dispute, News, Outcome, PurchaseState, Refund
from jobs_service.payments.repository import Purchases
from jobs_service.payments.settling import SettlePurchase
from jobs_service.work.performing import Result
from jobs_service.work.use_cases import ClaimJob, FailJob, FinishJob, JobLost, SweepJobs
from shared.clock import SystemClock
from tests.integration.credits.conftest import Shop
from tests.support.jobs import submitting
from tests.support.postgres import empty

CREDITS, PRICE = 6, 60
T = TypeVar("T")
WHICH = st.integers(0, 100)


def one_of(found: list[T], which: int) -> T:
    """One of those that there are."""
    return found[which % len(found)]


class Account(RuleBasedStateMachine):
    """One user's account, of which is known what was given and what was spent."""

    def __init__(self, shop: Shop, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.shop, self.loop, self.database = shop, loop, shop.database
        self.settle = SettlePurchase(self.database, SystemClock())
        self.user = self.do(shop.setting.user(5))
        self.given, self.spent = 5, 0
        self.jobs: list[Job] = []
        self.claimed: list[Job] = []
        self.paid: list[UUID] = []
        self.news: list[News] = []
        self.money_back = self.grants_over = False

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Let the loop of the test do it; this is another thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=30)

    # ---- jobs

    @rule(price=st.integers(1, 5))
    def submit(self, price: int) -> None:
        before = self.do(self.shop.balance(self.user)).balance
        try:
            self.jobs.append(self.do(self.shop.submit(self.user, price)))
        except NotEnoughCredits:
            assert before < price
        else:
            assert before >= price

    @precondition(lambda self: self.jobs)
    @rule(which=WHICH)
    def retry(self, which: int) -> None:
        again = RetryJob(FindJob(self.database), submitting(self.database))
        job = one_of(self.jobs, which)
        with suppress(JobNotFailed, NotEnoughCredits):
            self.jobs.append(self.do(again(self.user, job.id, None)))

    @precondition(lambda self: self.jobs)
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        with suppress(JobFinished):
            self.do(CancelJob(self.database)(self.user, one_of(self.jobs, which).id))

    @rule()
    def claim(self) -> None:
        if job := self.do(ClaimJob(self.database, "worker", 60, 1000)()):
            self.claimed.append(job)

    @precondition(lambda self: self.claimed)
    @rule(which=WHICH, spent=st.none() | st.integers(0, 6))
    def finish(self, which: int, spent: int | None) -> None:
        job = one_of(self.claimed, which)
        with suppress(JobLost):
            self.do(FinishJob(self.database)(job, Result(None, spent=spent)))
            self.spent += job.price if spent is None else min(spent, job.price)

    @precondition(lambda self: self.claimed)
    @rule(which=WHICH)
    def fail(self, which: int) -> None:
        with suppress(JobLost):
            self.do(FailJob(self.database)(one_of(self.claimed, which), "broken", "It broke."))

    @rule()
    def lose_the_worker(self) -> None:
        if job := self.do(ClaimJob(self.database, "worker", 0, 1000)()):
            self.claimed.append(job)
        self.do(SweepJobs(self.database, attempts=2)())

    @rule()
    def let_holds_expire(self) -> None:
        self.do(self.database.run(text("UPDATE holds SET expires_at = now() - interval '1 s'")))
        self.do(SweepJobs(self.database, attempts=2)())

    # ---- money

    @rule(package=st.sampled_from(["lasting", "ending"]))
    def top_up(self, package: str) -> None:
        bought = self.do(self.shop.buy(self.user, package))
        id_ = UUID(bought["id"])
        paid = PurchaseState.PAID
        self.tell(Outcome(f"manual {id_}", paid, id_, PRICE, "eur", payment_of(id_)))
        self.paid.append(id_)
        self.given += CREDITS

    @precondition(lambda self: self.paid)
    @rule(which=WHICH, refunded=st.integers(1, PRICE))
    def refund(self, which: int, refunded: int) -> None:
        id_ = one_of(self.paid, which)
        self.tell(Refund(payment_of(id_), id_, refunded))
        self.money_back = True

    @precondition(lambda self: self.paid)
    @rule(which=WHICH, state=st.sampled_from(["open", "lost", "won"]))
    def dispute(self, which: int, state: str) -> None:
        self.tell(Dispute(payment_of(one_of(self.paid, which)), PRICE, state))
        self.money_back = True

    @precondition(lambda self: self.news)
    @rule(which=WHICH)
    def tell_again(self, which: int) -> None:
        before = self.do(self.shop.kinds(self.user))
        news = one_of(self.news, which)
        if not isinstance(news, Dispute):  # of which another may have been told since
            self.do(self.settle(news))
            assert self.do(self.shop.kinds(self.user)) == before

    def tell(self, news: News) -> None:
        """What a provider says."""
        self.do(self.settle(news))
        self.news.append(news)

    # ---- credits that end

    @rule(amount=st.integers(1, 5), days=st.integers(1, 5), priority=st.sampled_from([10, 50]))
    def give(self, amount: int, days: int, priority: int) -> None:
        self.do(self.shop.give(self.user, amount, days, priority))
        self.given += amount

    @rule(which=WHICH, recorded=st.booleans())
    def let_end(self, which: int, recorded: bool) -> None:
        if grants := self.do(self.shop.remaining()):
            self.do(self.shop.let_end(one_of(sorted(grants), which)))
            self.grants_over = True
        if recorded:
            self.do(SettleOverdue(self.database)())

    # ---- what must be true after each step

    @invariant()
    def the_proof_agrees(self) -> None:
        assert self.do(Checks(self.database).faults()) == []

    @invariant()
    def nothing_is_lost_or_made(self) -> None:
        has = self.do(Credits(self.database).recorded(self.user))
        gone = self.do(self.gone())
        assert has.balance >= 0
        assert has.held >= 0
        assert has.balance + has.held == self.given - self.spent - sum(gone)
        expired, taken_back = gone
        if not self.money_back:
            assert taken_back == 0
            assert expired == 0 or self.grants_over

    async def gone(self) -> tuple[int, int]:
        """What has expired, which is no more than what was to; and what was taken back, which is no
        more than the money that went back is worth."""
        row = await self.database.one(
            text(
                "SELECT (SELECT coalesce(-sum(amount), 0) FROM entries WHERE kind = 'expire') AS n,"
                " (SELECT coalesce(sum(amount), 0) FROM grants WHERE expires_at <= now()) AS most"
            )
        )
        assert row is not None
        assert row.n <= row.most
        bought = await Purchases(self.database).list_of(self.user, 100, None)
        assert all(one.taken_back <= one.to_reclaim() for one in bought)
        return int(row.n), sum(one.taken_back for one in bought)

    def teardown(self) -> None:
        """When every job has ended, nothing is held."""
        try:
            for job in self.do(Jobs(self.database).list_of(self.user, 100, None)):
                with suppress(JobFinished):
                    self.do(CancelJob(self.database)(self.user, job.id))
            self.nothing_is_lost_or_made()
            assert self.do(self.shop.balance(self.user)).held == 0
        finally:
            self.do(empty(self.database))


def payment_of(purchase_id: UUID) -> str:
    return f"pi_{purchase_id}"


async def test_no_history_of_an_account_loses_or_makes_credits(market: Shop) -> None:
    loop = asyncio.get_running_loop()
    few = settings(
        max_examples=10,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    class AccountOfMarket(Account):
        def __init__(self) -> None:
            super().__init__(market, loop)

    await asyncio.to_thread(run_state_machine_as_test, AccountOfMarket, settings=few)
