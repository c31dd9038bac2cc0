import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from auth_service.accounts import passwords as passwords_module
from auth_service.accounts.hashes import Verdict
from auth_service.accounts.passwords import Passwords
from auth_service.tokens.pruner import Pruner
from tests.integration.auth.conftest import PASSWORD, Auth

WRONG = "Wrong7Horse"
_used = iter(range(1, 60_000))


def fresh_address() -> str:
    """An address from which nobody has come yet."""
    number = next(_used)
    return f"10.77.{number // 250}.{number % 250 + 1}"


async def try_to_log_in(
    auth: Auth, login: str, password: str = WRONG, *, address: str
) -> httpx.Response:
    form = {"username": login, "password": password}
    headers = {"x-forwarded-for": address}
    return await auth.http.post("/api/auth/login", data=form, headers=headers)


async def fail(auth: Auth, login: str, times: int, *, address: str) -> None:
    for _ in range(times):
        response = await try_to_log_in(auth, login, address=address)
        assert response.status_code == 401, response.text


def seconds_to_wait(response: httpx.Response) -> int:
    assert response.status_code == 429, response.text
    assert response.json()["code"] == "login_delayed"
    return int(response.headers["retry-after"])


# ---- growing


async def test_after_five_failures_the_next_try_waits_longer_each_time(auth: Auth) -> None:
    user, address = await auth.register(), fresh_address()
    await fail(auth, user["email"], 5, address=address)
    waits = []
    for _ in range(6):
        waits.append(seconds_to_wait(await try_to_log_in(auth, user["email"], address=address)))
        auth.clock.advance(waits[-1])
        await fail(auth, user["email"], 1, address=address)
    assert waits == [1, 2, 4, 8, 16, 32]


async def test_a_delay_names_its_field_and_how_long(auth: Auth) -> None:
    address = fresh_address()
    await fail(auth, "nobody-names@example.com", 5, address=address)
    response = await try_to_log_in(auth, "nobody-names@example.com", address=address)
    assert response.json()["errors"] == [
        {"field": "password", "message": "can be tried again in 1 second"}
    ]


async def test_the_right_password_waits_as_well(auth: Auth) -> None:
    user, address = await auth.register(), fresh_address()
    await fail(auth, user["email"], 5, address=address)
    right = await try_to_log_in(auth, user["email"], PASSWORD, address=address)
    assert seconds_to_wait(right) == 1
    auth.clock.advance(1)
    right = await try_to_log_in(auth, user["email"], PASSWORD, address=address)
    assert right.status_code == 200


async def test_the_delay_of_a_pair_ends_at_a_quarter_of_an_hour(auth: Auth) -> None:
    user, address = await auth.register(), fresh_address()
    await fail(auth, user["email"], 5, address=address)
    for _ in range(12):
        response = await try_to_log_in(auth, user["email"], address=address)
        auth.clock.advance(seconds_to_wait(response))
        await fail(auth, user["email"], 1, address=address)
    response = await try_to_log_in(auth, user["email"], address=address)
    assert seconds_to_wait(response) == 15 * 60


async def test_a_success_forgets_the_failures(auth: Auth) -> None:
    user, address = await auth.register(), fresh_address()
    for _ in range(3):
        await fail(auth, user["email"], 4, address=address)
        right = await try_to_log_in(auth, user["email"], PASSWORD, address=address)
        assert right.status_code == 200


async def test_a_try_that_waits_does_not_prolong_the_wait(auth: Auth) -> None:
    user, address = await auth.register(), fresh_address()
    await fail(auth, user["email"], 5, address=address)
    for _ in range(20):
        response = await try_to_log_in(auth, user["email"], address=address)
        assert seconds_to_wait(response) == 1


async def test_failures_are_forgotten_after_a_day(auth: Auth) -> None:
    user, address = await auth.register(), fresh_address()
    await fail(auth, user["email"], 5, address=address)
    auth.clock.advance(25 * 3600)
    await fail(auth, user["email"], 5, address=address)


# ---- equality


async def test_a_name_that_is_nobodys_is_delayed_like_any_other(auth: Auth) -> None:
    user = await auth.register()
    answers: list[list[tuple[int, Any]]] = []
    for login in (user["email"], "nobody-at-all@example.com"):
        address = fresh_address()
        responses = [await try_to_log_in(auth, login, address=address) for _ in range(7)]
        answers.append([(one.status_code, {**one.json(), "request_id": ""}) for one in responses])
    assert answers[0] == answers[1]


async def test_spellings_of_one_name_count_together(auth: Auth) -> None:
    address = fresh_address()
    name = f"{address}@example.com"
    spellings = [name, name.upper(), f" {name} ", name.replace("e", "\uff45"), name.title()]
    for login in spellings:
        await fail(auth, login, 1, address=address)
    assert seconds_to_wait(await try_to_log_in(auth, name, address=address)) == 1


# ---- not locking out the owner


async def test_nobody_elses_failures_delay_the_owner_at_home(auth: Auth) -> None:
    user, home = await auth.register(), fresh_address()
    assert (await try_to_log_in(auth, user["email"], PASSWORD, address=home)).status_code == 200
    for _ in range(10):
        await fail(auth, user["email"], 1, address=fresh_address())
    assert seconds_to_wait(await try_to_log_in(auth, user["email"], address=fresh_address()))
    right = await try_to_log_in(auth, user["email"], PASSWORD, address=home)
    assert right.status_code == 200


async def test_home_is_forgotten_after_ninety_days(auth: Auth) -> None:
    user, home = await auth.register(), fresh_address()
    await try_to_log_in(auth, user["email"], PASSWORD, address=home)
    auth.clock.advance(timedelta(days=91).total_seconds())
    for _ in range(10):
        await fail(auth, user["email"], 1, address=fresh_address())
    right = await try_to_log_in(auth, user["email"], PASSWORD, address=home)
    assert seconds_to_wait(right) == 1


async def test_the_owner_elsewhere_waits_half_a_minute_at_most(auth: Auth) -> None:
    user = await auth.register()
    for _ in range(20):
        response = await try_to_log_in(auth, user["email"], address=fresh_address())
        if response.status_code == 429:
            auth.clock.advance(seconds_to_wait(response))
    right = await try_to_log_in(auth, user["email"], PASSWORD, address=fresh_address())
    auth.clock.advance(30)
    right = await try_to_log_in(auth, user["email"], PASSWORD, address=fresh_address())
    assert right.status_code == 200


async def test_who_guesses_at_home_is_delayed_by_what_failed_there(auth: Auth) -> None:
    user, home = await auth.register(), fresh_address()
    await try_to_log_in(auth, user["email"], PASSWORD, address=home)
    await fail(auth, user["email"], 5, address=home)
    assert seconds_to_wait(await try_to_log_in(auth, user["email"], address=home)) == 1


# ---- addresses


async def test_one_address_that_tries_many_accounts_is_delayed(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Passwords, "check", _wrong)
    address = fresh_address()
    for number in range(100):
        await fail(auth, f"spray-{number}@example.com", 1, address=address)
    response = await try_to_log_in(auth, "spray-more@example.com", address=address)
    assert seconds_to_wait(response) == 1


@pytest.mark.parametrize("guess", [
    ["2001:db8:7:1::1", "2001:db8:7:1::2", "2001:db8:7:1:ffff::", "2001:DB8:7:1::3",
     "2001:db8:7:1:1:2:3:4"],
    ["::ffff:198.51.100.77", "198.51.100.77", "::ffff:c633:644d", "198.51.100.77",
     "198.51.100.77"],
])  # fmt: skip
async def test_addresses_of_one_customer_count_as_one(auth: Auth, guess: Sequence[str]) -> None:
    user = await auth.register()
    for address in guess:
        await fail(auth, user["email"], 1, address=address)
    response = await try_to_log_in(auth, user["email"], address=guess[0])
    assert seconds_to_wait(response) == 1


async def test_a_success_takes_back_one_try_of_the_address_alone(auth: Auth) -> None:
    address, user = fresh_address(), await auth.register()
    await fail(auth, "somebody@example.com", 3, address=address)
    await try_to_log_in(auth, user["email"], PASSWORD, address=address)
    counts = await auth.database.all(
        text("SELECT count AS failed FROM failures WHERE last_at = :now"), {"now": auth.clock.now()}
    )
    assert sorted(row.failed for row in counts) == [3, 3, 3]  # account, address and pair


# ---- at once


@pytest.mark.parametrize("is_one_address", [True, False])
async def test_of_fifty_guesses_at_once_no_more_are_made_than_are_free(
    auth: Auth, monkeypatch: pytest.MonkeyPatch, *, is_one_address: bool
) -> None:
    user, address = await auth.register(), fresh_address()
    hashed = 0

    async def counted(*_: object) -> Verdict:
        nonlocal hashed
        hashed += 1
        return Verdict(is_right=False)

    monkeypatch.setattr(Passwords, "check", counted)
    answers = await asyncio.gather(
        *(
            try_to_log_in(
                auth, user["email"], address=address if is_one_address else fresh_address()
            )
            for _ in range(50)
        )
    )
    assert hashed == (5 if is_one_address else 10)
    assert sorted({one.status_code for one in answers}) == [401, 429]


async def test_guesses_and_successes_at_once_do_not_wait_for_each_other_forever(
    auth: Auth,
) -> None:
    users = [await auth.register() for _ in range(3)]
    addresses = [fresh_address() for _ in range(3)]
    answers = await asyncio.gather(
        *(
            try_to_log_in(auth, user["email"], password, address=address)
            for user in users
            for address in addresses
            for password in (WRONG, PASSWORD)
            for _ in range(3)
        )
    )
    assert {one.status_code for one in answers} <= {200, 401, 429}


async def test_who_could_not_be_heard_has_not_failed(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, address = await auth.register(), fresh_address()
    with monkeypatch.context() as full:
        full.setattr(Passwords, "check", _too_busy)
        for _ in range(10):
            response = await try_to_log_in(auth, user["email"], PASSWORD, address=address)
            assert response.status_code == 503
    right = await try_to_log_in(auth, user["email"], PASSWORD, address=address)
    assert right.status_code == 200


# ---- what is kept


async def test_the_table_names_nobody(auth: Auth) -> None:
    address = fresh_address()
    await fail(auth, f"{address}@example.com", 1, address=address)
    rows = await auth.database.all(text("SELECT key FROM failures"))
    assert all(len(row.key) == 32 for row in rows)


async def test_pruning_forgets_failures_of_yesterday(auth: Auth) -> None:
    await fail(auth, "yesterday@example.com", 1, address=fresh_address())
    then = auth.clock.now()
    auth.clock.advance(25 * 3600)
    await fail(auth, "today@example.com", 1, address=fresh_address())
    await Pruner(auth.database, auth.clock).prune()
    rows = await auth.database.all(text("SELECT last_at FROM failures"))
    assert then not in {row.last_at for row in rows}
    assert auth.clock.now() in {row.last_at for row in rows}


async def test_failures_are_in_the_audit_log_with_the_account_when_there_is_one(
    auth: Auth,
) -> None:
    user, address = await auth.register(), fresh_address()
    await fail(auth, user["email"], 1, address=address)
    await fail(auth, "nobody@example.com", 1, address=address)
    rows = await auth.database.all(
        text("SELECT subject_id, details FROM audit WHERE action = 'session.refused'"
             " AND address = :address ORDER BY id"),
        {"address": address},
    )  # fmt: skip
    assert [str(row.subject_id) for row in rows] == [user["id"], "None"]
    assert all(row.details == {} for row in rows)


async def _wrong(*_: object) -> Verdict:
    return Verdict(is_right=False)


async def _too_busy(*_: object) -> Verdict:
    raise passwords_module.TooBusy
