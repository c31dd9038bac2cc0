"""The embedded PostgreSQL keeps its data through kills, and lets nobody in without a password."""

import asyncio
import os
import pwd
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from deploy.postgres.cluster import Cluster, ClusterFailed
from deploy.postgres.embedded import EmbeddedPostgres, FolderInUse
from deploy.postgres.owner import Owner
from shared.db.identifiers import without_driver
from tests.support.postgres import FAST

MAKE_KEPT = "CREATE TABLE kept AS SELECT 7 AS value"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="madang-") as path:
        yield Path(path) / "postgres"


@pytest.fixture(scope="module")
def used() -> Iterator[Path]:
    """A folder that the tests of this file share, to make a data directory once."""
    with tempfile.TemporaryDirectory(prefix="madang-") as path:
        yield Path(path) / "postgres"


async def start(folder: Path) -> EmbeddedPostgres:
    return await EmbeddedPostgres.start(folder, roles=("auth",), settings=FAST)


async def run(server: EmbeddedPostgres, statement: str) -> object:
    connection = await asyncpg.connect(without_driver(server.url("auth")))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "data" / "postmaster.pid").read_text().split()[0]))


async def test_data_outlives_a_stop(used: Path) -> None:
    server = await start(used)
    await run(server, MAKE_KEPT)
    await server.stop()
    assert not (used / "data" / "postmaster.pid").exists()
    server = await start(used)
    assert await run(server, "SELECT value FROM kept") == 7
    await run(server, "DROP TABLE kept")
    await server.stop()


async def test_a_server_killed_with_its_orphans_recovers(used: Path) -> None:
    server = await start(used)
    await run(server, MAKE_KEPT)
    process = postmaster(used)
    process.kill()
    await server.stop()
    assert (used / "data" / "postmaster.pid").exists()
    server = await start(used)
    assert await run(server, "SELECT value FROM kept") == 7
    await run(server, "DROP TABLE kept")
    await server.stop()


async def test_a_server_whose_program_was_killed_is_taken_over(used: Path) -> None:
    script = (
        "import asyncio, os, signal; from pathlib import Path\n"
        "from deploy.postgres.embedded import EmbeddedPostgres\n"
        "async def main():\n"
        f"    await EmbeddedPostgres.start(Path({str(used)!r}), roles=('auth',))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())"
    )
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    assert await killed.wait() == -signal.SIGKILL
    before = postmaster(used)
    server = await start(used)
    assert postmaster(used) == before
    assert await run(server, "SELECT 7") == 7
    await server.stop()
    async with asyncio.timeout(5):  # it removes its pid file a moment before it ends
        while not ended(before):
            await asyncio.sleep(0.01)


def ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


async def test_a_server_that_is_just_stopping_is_waited_for(used: Path) -> None:
    server = await start(used)
    before = postmaster(used)
    before.send_signal(signal.SIGINT)  # a fast shutdown, as another program might have asked for
    await server._become_ready(FAST)
    assert await run(server, "SELECT 7") == 7
    assert postmaster(used) != before
    await server.stop()


async def test_a_pid_file_whose_number_belongs_to_another_process_now_is_no_obstacle(
    used: Path,
) -> None:
    server = await start(used)
    pid_file = used / "data" / "postmaster.pid"
    stale = pid_file.read_text().splitlines()
    await server.stop()
    owner = Owner.choose()
    other = await asyncio.create_subprocess_exec("sleep", "60", **owner.credentials())
    try:
        pid_file.write_text("\n".join([str(other.pid), *stale[1:]]) + "\n")
        server = await start(used)
        assert await run(server, "SELECT 7") == 7
        await server.stop()
    finally:
        other.kill()
        await other.wait()


async def test_an_interrupted_creation_is_begun_anew(folder: Path) -> None:
    unfinished = folder / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18")
    server = await start(folder)
    assert await run(server, "SELECT 7") == 7
    await server.stop()


async def test_nobody_gets_in_without_the_password(used: Path) -> None:
    server = await start(used)
    socket_folder = str(used / "data")
    for role in ("postgres", "auth"):
        for password in (None, "", "postgres"):
            with pytest.raises(asyncpg.PostgresError):
                await asyncpg.connect(
                    user=role, password=password, host=socket_folder, database="madang"
                )
    rules = [
        line.split()
        for line in (used / "data" / "pg_hba.conf").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert {rule[-1] for rule in rules} == {"scram-sha-256"}
    await server.stop()


async def test_it_listens_on_no_port_and_its_secrets_are_for_the_owner_alone(used: Path) -> None:
    server = await start(used)
    assert await run(server, "SHOW listen_addresses") == ""
    assert stat.S_IMODE((used / "passwords.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((used / "data").stat().st_mode) == 0o700
    assert stat.S_IMODE((used / "data" / ".s.PGSQL.5432").stat().st_mode) == 0o700
    await server.stop()


async def test_two_programs_cannot_use_one_folder(used: Path) -> None:
    server = await start(used)
    with pytest.raises(FolderInUse, match=f"Process {os.getpid()} already uses {used}"):
        await start(used)
    assert await run(server, "SELECT 7") == 7
    await server.stop()
    await (await start(used)).stop()


async def test_lost_passwords_are_named_instead_of_replaced(folder: Path) -> None:
    await (await start(folder)).stop()
    (folder / "passwords.json").unlink()
    with pytest.raises(ClusterFailed, match=r"passwords\.json is missing"):
        await start(folder)


async def test_a_service_added_later_gets_a_password_and_the_others_keep_theirs(
    folder: Path,
) -> None:
    server = await start(folder)
    before = server.url("auth")
    await server.stop()
    server = await EmbeddedPostgres.start(folder, roles=("auth", "jobs"), settings=FAST)
    assert server.url("auth") == before
    assert await run(server, "SELECT 7") == 7
    await server.stop()


async def test_a_path_too_long_for_a_socket_works_too(folder: Path) -> None:
    long = folder / ("deep" * 20) / "with space & 'quote'"
    server = await start(long)
    assert await run(server, "SELECT 7") == 7
    socket_folder = server._cluster.socket_folder()
    assert socket_folder.parent == Path(tempfile.gettempdir())
    await server.stop()
    socket_folder.rmdir()


async def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    await (await start(folder)).stop()
    (folder / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(ClusterFailed, match="initialized by PostgreSQL version 15"):
        await start(folder)


async def test_a_relative_path_is_refused() -> None:
    with pytest.raises(ValueError, match="not an absolute path"):
        await start(Path("data"))


async def test_a_second_start_is_quick(used: Path) -> None:
    await (await start(used)).stop()
    started = time.monotonic()
    server = await start(used)
    assert time.monotonic() - started < 2
    await server.stop()


@as_root
async def test_root_runs_it_as_another_user_and_opens_no_folder_for_reading(folder: Path) -> None:
    folder.parent.chmod(0o700)
    server = await start(folder)
    assert postmaster(folder).username() == "pgserver"
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o701
    await server.stop()


@as_root
async def test_an_ordinary_user_runs_it_as_himself() -> None:
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(prefix="madang-") as home:
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        script = (
            "import asyncio, concurrent.futures.thread, encodings.idna, os\n"
            "from pathlib import Path\n"
            "from deploy.postgres.embedded import EmbeddedPostgres\n"
            "async def main():\n"
            f"    os.setgroups([]); os.setgid({nobody.pw_gid}); os.setuid({nobody.pw_uid})\n"
            f"    server = await EmbeddedPostgres.start(Path({home!r}) / 'pg', roles=('auth',))\n"
            "    await server.stop()\n"
            "asyncio.run(main())"
        )
        done = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
        assert await done.wait() == 0
        assert (Path(home) / "pg" / "data").stat().st_uid == nobody.pw_uid


def test_a_socket_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.symlink_to(tmp_path)
    with pytest.raises(PermissionError, match="belongs to somebody else"):
        Owner.choose().make_folder(taken)
    assert not Cluster(tmp_path, Owner.choose()).is_running()


async def test_a_server_that_ends_while_it_is_asked_is_started_again(
    used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await start(used)
    stop, asked = Cluster.stop, Cluster.socket_folder

    def end_first(cluster: Cluster) -> Path:
        monkeypatch.setattr(Cluster, "socket_folder", asked)
        stop(cluster)
        return asked(cluster)

    monkeypatch.setattr(Cluster, "socket_folder", end_first)
    await server._become_ready(FAST)
    assert await run(server, "SELECT 7") == 7
    await server.stop()
