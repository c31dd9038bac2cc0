"""New signing keys: nobody notices one that is planned, and a stolen one is of no use at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jwt
import pytest
from sqlalchemy import text

from auth_service.settings import AuthSettings
from auth_service.tokens.commands import rotate_keys, withdraw_keys
from auth_service.tokens.endpoints import TokenEndpoints
from auth_service.tokens.keyring import KeyRing
from auth_service.tokens.pruner import RETIRED_KEYS_KEPT_FOR, Pruner
from auth_service.tokens.rotation import OVERLAP, RotateKeys
from auth_service.tokens.seal import Seal, WrongSecret
from deploy.postgres.embedded import EmbeddedPostgres
from shared.db.database import Database
from shared.db.migrations import migrate
from shared.messaging.event import decode
from shared.runtime.service import Component
from shared.security.verification import remote_verification
from shared.security.verifier import TokenVerifier
from shared.settings import load
from tests.integration.auth.conftest import SECRET, Auth, StartAuth
from tests.integration.auth.test_tokens import no_keys_yet, ring
from tests.support.postgres import FAST

AHEAD = timedelta(minutes=3)


def rotation(auth: Auth, secret: str = SECRET) -> RotateKeys:
    return RotateKeys(auth.database, Seal(secret), AHEAD, auth.clock)


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


async def published(auth: Auth) -> set[str]:
    keys: list[dict[str, Any]] = (await auth.http.get("/.well-known/jwks.json")).json()["keys"]
    return {one["kid"] for one in keys}


async def status_of(auth: Auth, token: str) -> int:
    return (await auth.me(token)).status_code


def verifier_elsewhere(auth: Auth) -> TokenVerifier:
    return remote_verification("jobs", SECRET, auth.http, auth.clock).verifier


@asynccontextmanager
async def at_work(component: Component) -> AsyncIterator[None]:
    """The component, once it is ready."""
    ready = asyncio.Event()
    task = asyncio.ensure_future(component.run(ready.set))
    await asyncio.wait_for(ready.wait(), 5)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def fresh(auth: Auth) -> Auth:
    """A service that begins with one key."""
    await no_keys_yet(auth)
    await auth.http.get("/.well-known/jwks.json")
    return auth


async def test_a_new_key_is_published_before_it_signs(fresh: Auth) -> None:
    first = await fresh.session()
    made = await rotation(fresh)()
    assert made.signs_from == fresh.clock.now() + AHEAD
    assert await published(fresh) == {kid_of(first["access_token"]), made.kid}
    fresh.clock.advance(AHEAD.total_seconds() - 1)
    assert kid_of((await fresh.session())["access_token"]) == kid_of(first["access_token"])
    fresh.clock.advance(1)
    assert kid_of((await fresh.session())["access_token"]) == made.kid


async def test_the_old_key_verifies_until_its_last_token_has_ended(fresh: Auth) -> None:
    made = await rotation(fresh)()
    await published(fresh)
    fresh.clock.advance(AHEAD.total_seconds() - 1)
    last = (await fresh.session())["access_token"]
    (old,) = made.retired
    assert kid_of(last) == old
    fresh.clock.advance(899)
    assert await status_of(fresh, last) == 200
    await verifier_elsewhere(fresh).user(last)
    fresh.clock.advance(1)
    assert (await fresh.me(last)).json()["code"] == "token_expired"
    assert old in await published(fresh)
    fresh.clock.advance((OVERLAP - timedelta(minutes=15)).total_seconds() + 1)
    assert await published(fresh) == {made.kid}


async def test_while_one_is_on_its_way_no_other_is_made(fresh: Auth) -> None:
    made = await rotation(fresh)()
    again = await rotation(fresh)()
    assert (again.kid, again.signs_from, again.retired) == (made.kid, made.signs_from, ())
    assert len(await published(fresh)) == 2


async def test_many_who_find_the_key_old_at_once_make_one(fresh: Auth) -> None:
    assert await rotation(fresh).if_older_than(timedelta(days=90)) is None
    fresh.clock.advance(90 * 24 * 3600)
    made = await asyncio.gather(
        *(rotation(fresh).if_older_than(timedelta(days=90)) for _ in range(4))
    )
    assert len([one for one in made if one]) == 1
    assert len(await published(fresh)) == 2


async def test_the_very_first_key_signs_at_once(auth: Auth) -> None:
    await no_keys_yet(auth)
    assert (await rotation(auth)()).signs_from == auth.clock.now()


async def test_a_service_that_never_rotates_has_nothing_that_would(start_auth: StartAuth) -> None:
    async with start_auth(key_rotation_days=0) as never, start_auth() as usual:
        assert "key-rotation" not in {one.name for one in never.service.components}
        assert "key-rotation" in {one.name for one in usual.service.components}


async def test_the_service_rotates_by_itself_when_its_key_is_old(
    fresh: Auth, start_auth: StartAuth
) -> None:
    (old,) = await published(fresh)
    await fresh.database.run(text("UPDATE signing_keys SET signs_from = now() - interval '2 days'"))
    async with start_auth(key_rotation_days=1) as auth:
        component = next(one for one in auth.service.components if one.name == "key-rotation")
        async with at_work(component), asyncio.timeout(5):
            while len(await published(auth)) < 2:
                await asyncio.sleep(0.01)
        assert old in await published(auth)


async def test_a_change_is_noted_and_announced(fresh: Auth) -> None:
    (old,) = await published(fresh)
    made = await rotation(fresh)()
    rows = await fresh.database.all(
        text("SELECT actor_id, details FROM audit WHERE details->>'kid' = :kid"), {"kid": made.kid}
    )
    assert [(row.actor_id, row.details) for row in rows] == [
        (None, {"kid": made.kid, "retired": [old], "at_once": False})
    ]
    assert len(await fresh.announced("auth.keys.changed", made.kid)) == 1


async def test_another_secret_key_makes_no_key_that_the_service_could_not_open(fresh: Auth) -> None:
    for change in (rotation(fresh, "x" * 40), rotation(fresh, "x" * 40).withdraw):
        with pytest.raises(WrongSecret):
            await change()
    assert len(await published(fresh)) == 1


# ---- withdrawing


async def test_what_a_withdrawn_key_has_signed_is_refused_at_once(fresh: Auth) -> None:
    session = await fresh.session()
    token = session["access_token"]
    elsewhere = verifier_elsewhere(fresh)
    await elsewhere.user(token)
    assert await status_of(fresh, token) == 200
    pending = await rotation(fresh)()
    made = await rotation(fresh).withdraw()
    assert set(made.retired) == {kid_of(token), pending.kid}
    assert await published(fresh) == {made.kid}
    assert (await fresh.me(token)).json()["code"] == "token_invalid"
    renewed = (await fresh.refresh(session["refresh_token"])).json()
    assert kid_of(renewed["access_token"]) == made.kid
    fresh.clock.advance(10)
    await elsewhere.user(renewed["access_token"])  # which makes it look again
    assert elsewhere.cached(token) is None


async def test_a_process_that_hears_of_it_forgets_what_it_had_verified(fresh: Auth) -> None:
    elsewhere = remote_verification("jobs", SECRET, fresh.http, fresh.clock)
    token = (await fresh.session())["access_token"]
    async with at_work(elsewhere.component):
        await elsewhere.verifier.user(token)
        made = await rotation(fresh).withdraw()
        (event,) = await fresh.announced("auth.keys.changed", made.kid)
        await elsewhere.broadcast.handle(decode(event.encode()))
        async with asyncio.timeout(5):
            while elsewhere.verifier.cached(token) is not None:
                await asyncio.sleep(0.01)


# ---- the rest


async def test_retired_keys_are_deleted_after_a_day(fresh: Auth) -> None:
    (old,) = await published(fresh)
    made = await rotation(fresh).withdraw()
    kids = text("SELECT kid FROM signing_keys")
    await Pruner(fresh.database, fresh.clock).prune()
    assert {row.kid for row in await fresh.database.all(kids)} == {old, made.kid}
    fresh.clock.advance(RETIRED_KEYS_KEPT_FOR.total_seconds() + 1)
    await Pruner(fresh.database, fresh.clock).prune()
    assert {row.kid for row in await fresh.database.all(kids)} == {made.kid}


async def test_many_who_ask_for_the_keys_at_once_cost_a_look_or_two(fresh: Auth) -> None:
    reads = 0
    keys = ring(fresh)
    real = keys._read

    async def counted() -> None:
        nonlocal reads
        reads += 1
        await real()

    keys._read = counted  # type: ignore[method-assign]
    await asyncio.gather(*(keys.load() for _ in range(20)))
    assert reads <= 2


async def test_the_keys_are_published_while_the_database_is_away(auth: Auth) -> None:
    with TemporaryDirectory(prefix="madang-tests-") as folder:
        server = await EmbeddedPostgres.start(Path(folder), roles=("auth",), settings=FAST)
        await migrate(server.url("auth"), "auth_service", "auth")
        database = Database(server.url("auth"), schema="auth", source="auth", pool_size=1)
        keys = KeyRing(database, Seal(SECRET), auth.clock)
        await keys.load()
        await server.stop()
        jwks = await TokenEndpoints(keys, database, auth.clock).jwks()
        await database.close()
    assert [one.kid for one in jwks.keys] == [keys.signing_key().kid]


async def test_the_commands_change_keys_and_say_what_they_did(
    fresh: Auth, postgres: EmbeddedPostgres, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load(
        AuthSettings,
        secret_key=SECRET,
        database_url=postgres.url("auth"),
        amqp_url="amqp://unused",
        storage_url="file:///tmp",
    )
    token = (await fresh.session())["access_token"]
    assert await rotate_keys(settings) == 0
    said = capsys.readouterr().out
    assert f"The key {kid_of(token)} is refused from" in said
    assert await rotate_keys(settings) == 0
    assert "on its way already" in capsys.readouterr().out
    assert await withdraw_keys(settings) == 0
    fresh.clock.advance(60)  # the commands go by the machine's clock
    await published(fresh)
    assert await status_of(fresh, token) == 401
    wrong = settings.model_copy(update={"secret_key": type(settings.secret_key)("y" * 40)})
    assert await withdraw_keys(wrong) == 1
    assert "another SECRET_KEY" in capsys.readouterr().err
