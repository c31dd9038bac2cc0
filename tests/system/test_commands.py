"""The commands a person types, as processes: what they print, and how they end."""

import asyncio
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from deploy.dead_letters import Letters
from deploy.parked import EmbeddedLetters
from deploy.postgres.embedded import EmbeddedPostgres
from deploy.service_database import SERVICES
from shared.clock import SystemClock
from shared.db.database import Database
from shared.ids import uuid7
from shared.messaging.event import Envelope
from shared.messaging.outbox import announce_again
from shared.messaging.rabbitmq import RabbitMQBroker
from tests.support.front_end import until
from tests.support.media import make_media
from tests.support.rabbitmq import RabbitMQ
from tests.support.suite import ROOT, Suite, new_home

HELLO = b"hello, world\n" * 100


async def typed(*arguments: str, cwd: Path, **env: str) -> tuple[int, str]:
    """Run `python -m …` from the folder `cwd`; its exit code, and all that it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "COLUMNS": "200", **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode()


def stored(suite: Suite) -> int:
    """How many files the embedded suite keeps."""
    return len([one for one in (suite.home / "data" / "storage").rglob("*") if one.is_file()])


async def demo(suite: Suite, cwd: Path, *video: str) -> tuple[int, str]:
    home = str(suite.home / "data")
    return await typed("deploy.cli", "demo", *video, cwd=cwd, MADANG_HOME=home)


async def test_the_demonstration_prints_the_captions_of_the_sample(
    embedded_suite: Suite, tmp_path: Path
) -> None:
    code, printed = await demo(embedded_suite, tmp_path)
    assert code == 0, printed
    assert f"Using the suite that runs at {embedded_suite.address}" in printed
    assert "00:00:00," in printed
    assert "built around a courtyard" in " ".join(printed.split())
    assert "Where to look next" in printed


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.mp4", None, "There is no file missing.mp4"),
        ("talk.mp4", HELLO, "By its content, this file is a text"),
        ("empty.mp4", b"", "empty"),
        ("cut.mp4", b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41", "cannot be used"),
    ],
)
async def test_the_demonstration_of_what_is_no_video_says_why_and_leaves_nothing(
    embedded_suite: Suite, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    before = stored(embedded_suite)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, printed = await demo(embedded_suite, tmp_path, name)
    assert code == 1
    assert said in " ".join(printed.split())
    assert "Traceback" not in printed
    assert stored(embedded_suite) == before


async def test_the_demonstration_of_a_silent_video_says_so_and_leaves_nothing(
    embedded_suite: Suite, tmp_path: Path
) -> None:
    before = stored(embedded_suite)
    make_media(tmp_path / "silent.mp4", sound=False)
    code, printed = await demo(embedded_suite, tmp_path, "silent.mp4")
    assert code == 1
    assert "no sound track" in printed

    async def removed() -> bool:
        return stored(embedded_suite) == before

    await until(removed)


async def test_a_second_suite_on_the_same_data_is_refused(
    embedded_suite: Suite, tmp_path: Path
) -> None:
    home = str(embedded_suite.home / "data")
    code, printed = await typed("deploy.cli", "run", cwd=tmp_path, MADANG_HOME=home, PORT="0")
    assert code == 3
    assert f"already running at {embedded_suite.address}" in " ".join(printed.split())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"PORT": "many"}, "PORT"),
        ({"ALLOWED_ORIGINS": "*"}, "ALLOWED_ORIGINS"),
        ({"UPLOAD_MAX_BYTES": "-1", "WELCOME_CREDITS": "x"}, "UPLOAD_MAX_BYTES"),
    ],
)
async def test_wrong_settings_are_named_and_end_the_start(
    tmp_path: Path, settings: Mapping[str, str], said: str
) -> None:
    home = new_home("madang-settings-")
    try:
        env = {"MADANG_HOME": str(home / "data"), **settings}
        code, printed = await typed("deploy.cli", "run", cwd=tmp_path, **env)
    finally:
        shutil.rmtree(home)
    assert code == 2, printed
    assert said in printed
    assert "Traceback" not in printed


async def test_a_port_that_cannot_be_is_refused_and_nothing_starts(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code, printed = await typed(
        "deploy.cli", "run", "--port", "99999", cwd=tmp_path, MADANG_HOME=str(home)
    )
    assert code == 2
    assert "65535" in printed
    assert not home.exists()


@pytest.mark.parametrize("module", ["auth_service", "content_service", "jobs_service", "gateway"])
async def test_a_service_without_settings_lists_what_is_missing(
    tmp_path: Path, module: str
) -> None:
    code, printed = await typed(module, cwd=tmp_path)
    assert code == 2
    assert "SECRET_KEY" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("module", ["auth_service", "content_service", "jobs_service.worker"])
async def test_a_service_without_its_database_says_so_in_one_line(
    tmp_path: Path, module: str
) -> None:
    env = {
        "SECRET_KEY": "x" * 32,
        "AMQP_URL": "amqp://guest:guest@127.0.0.1:9/",
        "DATABASE_URL": "postgresql+asyncpg://auth:secret-word@127.0.0.1:9/madang",
        "STORAGE_URL": tmp_path.as_uri(),
        "PORT": "0",
    }
    code, printed = await typed(module, cwd=tmp_path, **env)
    assert code == 1
    assert "The database does not let us in" in printed
    assert "traceback" not in printed.lower()
    assert "secret-word" not in printed
    assert len(printed.splitlines()) == 1


HEARS = "jobs.video-ready"


def broken_event() -> Envelope:
    """Says of a video what nobody can read."""
    return Envelope(
        id=uuid7(),
        source="tests",
        type="content.video.ready",
        time=SystemClock().now(),
        subject="a video",
        dataschema="content.video.ready/v1",
        data=msgspec.Raw(b'{"video_id": "no id"}'),
    )


async def handle_dead_letters(letters: Letters, event: str, cwd: Path, **env: str) -> None:
    """What can be done with an event that is as broken after a replay as before."""

    async def parked() -> bool:
        return [str(one.envelope.id) for one in await letters.dead_letters(HEARS, 10)] == [event]

    async def command(*arguments: str) -> str:
        code, printed = await typed("deploy.cli", "dead-letters", *arguments, cwd=cwd, **env)
        assert code == 0, printed
        return printed

    await until(parked)
    assert f"{HEARS} " in await command("list")
    assert event in await command("list", HEARS)
    shown = await command("show", HEARS, event)
    assert "ValidationError" in shown
    assert '"no id"' in shown
    before = (await letters.dead_letters(HEARS, 1))[0].parked_at
    assert (await command("replay", HEARS, event)).strip() == "1 replayed."

    async def parked_again() -> bool:
        return await parked() and (await letters.dead_letters(HEARS, 1))[0].parked_at > before

    await until(parked_again)
    assert (await command("discard", HEARS, event)).strip() == "Discarded."
    assert await letters.dead_letters(HEARS, 1) == []


async def test_dead_letters_of_rabbitmq_are_listed_shown_replayed_and_discarded(
    split_suite: Suite, suite_rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    broken, url = broken_event(), suite_rabbitmq.url
    broker = RabbitMQBroker(url, name="tests")
    async with asyncio.TaskGroup() as group:
        running = group.create_task(broker.run(lambda: None))
        await broker.publish(broken)
        running.cancel()
    # in a container of production, where no other service's settings are
    env = {"AMQP_URL": url, "ENVIRONMENT": "production"}
    await handle_dead_letters(broker, str(broken.id), tmp_path, **env)


async def test_the_tables_of_a_service_are_open_to_sql_and_no_others(
    embedded_suite: Suite, tmp_path: Path
) -> None:
    home = {"MADANG_HOME": str(embedded_suite.home / "data")}
    ask = ("deploy.cli", "psql", "jobs", "-c")
    code, told = await typed(*ask, "SELECT count(*) >= 0 AS any FROM jobs", cwd=tmp_path, **home)
    assert code == 0, told
    assert "any" in told
    code, told = await typed(*ask, "SELECT * FROM auth.users", cwd=tmp_path, **home)
    assert code != 0
    assert "permission denied for schema auth" in told
    code, told = await typed("deploy.cli", "psql", "gateway", cwd=tmp_path, **home)
    assert code == 2
    assert "'auth', 'content', 'jobs'" in told


async def test_those_of_the_embedded_suite_too_while_it_runs(
    embedded_suite: Suite, tmp_path: Path
) -> None:
    broken, home = broken_event(), embedded_suite.home / "data"
    urls = {one: EmbeddedPostgres.url_of_running(home / "postgres", one) for one in SERVICES}
    content = Database(urls["content"], schema="content", source="content", pool_size=1)
    async with content.transaction() as tx:
        await announce_again(tx, [broken])
    await content.close()
    letters = EmbeddedLetters(urls)
    await handle_dead_letters(letters, str(broken.id), tmp_path, MADANG_HOME=str(home))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "jobs.video-redy"], "There is no subscription jobs.video-redy; there are: "),
        (["replay", HEARS, str(UUID(int=7))], f"No event {UUID(int=7)} is parked for {HEARS}."),
    ],
)
async def test_a_dead_letter_that_is_none_is_named(
    embedded_suite: Suite, tmp_path: Path, arguments: list[str], said: str
) -> None:
    home = str(embedded_suite.home / "data")
    command = ("deploy.cli", "dead-letters", *arguments)
    code, printed = await typed(*command, cwd=tmp_path, MADANG_HOME=home)
    assert code == 1
    assert printed.startswith(said)
