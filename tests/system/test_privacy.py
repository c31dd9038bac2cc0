"""A person with everything there is asks for their data, and is forgotten, over both topologies.

Every table of every schema is searched for them, and the storage. Logs name users by their ids, by
design, until whoever runs the installation deletes them.
"""

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from PIL import Image
from sqlalchemy import text

from deploy.postgres.cluster import Cluster
from deploy.postgres.embedded import DATABASE, EmbeddedPostgres
from deploy.postgres.owner import Owner
from deploy.service_database import SERVICES
from shared.db.database import Database
from shared.ids import uuid7
from tests.support.front_end import PASSWORD, FrontEnd, until
from tests.support.sound import speech
from tests.support.suite import SAMPLE, Suite
from tests.support.traces import traces


@pytest.fixture
async def databases(
    suite: Suite, request: pytest.FixtureRequest
) -> AsyncIterator[dict[str, Database]]:
    """Every schema, as its own service sees it."""
    async with AsyncExitStack() as stack:
        found = {}
        for name in SERVICES:
            url = _url(suite, name, request)
            found[name] = Database(url, schema=name, source=name, pool_size=2)
            stack.push_async_callback(found[name].close)
        yield found


def _url(suite: Suite, role: str, request: pytest.FixtureRequest) -> str:
    if "suite" not in suite.processes:
        server: EmbeddedPostgres = request.getfixturevalue("suite_postgres")
        return server.url(role)
    folder = (suite.home / "data" / "postgres").resolve()
    password = msgspec.json.decode((folder / "passwords.json").read_bytes())[role]
    host = Cluster(folder / "data", Owner.choose()).socket_folder()
    return f"postgresql+asyncpg://{role}:{password}@/{DATABASE}?host={host}"


def stored(suite: Suite) -> set[str]:
    """The keys of all files in the storage."""
    root = next(
        one for one in (suite.home / "data/storage", suite.home / "storage") if one.exists()
    )
    return {one.relative_to(root).as_posix() for one in root.rglob("*") if one.is_file()}


def picture() -> bytes:
    """A picture of nothing in particular."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(file, "PNG")
    return file.getvalue()


async def export_of(user: FrontEnd) -> tuple[str, dict[str, bytes]]:
    """The id of a new export, and the files of its archive."""
    export = await user.call("POST", "/api/users/exports", 202)

    async def ready() -> bool:
        found = await user.call("GET", f"/api/users/exports/{export['id']}")
        assert found["state"] in {"queued", "ready"}, found
        return bool(found["state"] == "ready")

    await until(ready)
    answer = await user.http.get(f"/api/users/exports/{export['id']}/archive")
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return export["id"], {name: archive.read(name) for name in archive.namelist()}


async def add_ways_in(database: Database, user: FrontEnd, user_id: UUID) -> None:
    """Rows of what takes another device or another service to get."""
    rows = {
        "totp": "(user_id, sealed_secret, created_at) VALUES (:user, '\\x00', now())",
        "recovery_codes": "(user_id, hash) VALUES (:user, '\\x00')",
        "passkeys": (
            "(id, user_id, credential_id, public_key, sign_count, name, transports, backed_up,"
            " created_at) VALUES (:id, :user, :key, '\\x00', 0, :name, '{}', false,"
            " now())"
        ),
        "identities": (
            "(id, user_id, provider, subject, email, created_at, last_used_at)"
            " VALUES (:id, :user, 'github', :name, :email, now(), now())"
        ),
        "api_keys": (
            "(id, user_id, name, prefix, hash, scopes, created_at)"
            " VALUES (:id, :user, :name, 'mk_', :key, '{}', now())"
        ),
        "tickets": (
            "(hash, purpose, user_id, data, created_at, expires_at) VALUES (:key,"
            " 'change_email', :user, jsonb_build_object('email', CAST(:email AS text)), now(),"
            " now() + interval '1 hour')"
        ),
    }
    for table, values in rows.items():
        given = {"user": user_id, "id": uuid7(), "name": user.name, "email": user.email}
        given["key"] = user.name.encode()
        statement = text(f"INSERT INTO {table} {values}")
        await database.run(statement, {name: given[name] for name in given if f":{name}" in values})
    # as if the session had been started with one of these
    methods = text("UPDATE sessions SET methods = '{pwd,otp}' WHERE user_id = :user")
    await database.run(methods, {"user": user_id})


async def with_everything(suite: Suite, user: FrontEnd, tmp_path: Path) -> dict[str, Any]:
    """A video, finished and running jobs, captions, movements of credits, an avatar; what was
    made."""
    video = await user.upload()
    job = await user.submit(video["id"], key=f"key-of-{user.name}")
    assert (await user.finished(job["id"]))["status"] == "succeeded"
    long = await user.upload(speech(tmp_path / f"{user.name}.wav", 120))
    await user.job_when((await user.submit(long["id"]))["id"], {"running", "succeeded"})
    png = {"content-type": "image/png"}
    profile = await user.call("PUT", "/api/users/profile/avatar", content=picture(), headers=png)
    return {"videos": [video["id"], long["id"]], "job": job["id"], "profile": profile}


async def test_a_person_gets_everything_and_is_then_forgotten(
    suite: Suite,
    user: FrontEnd,
    other: FrontEnd,
    databases: dict[str, Database],
    tmp_path: Path,
) -> None:
    me = await user.call("GET", "/api/auth/me")
    made = await with_everything(suite, user, tmp_path)
    await with_everything(suite, other, tmp_path)
    await add_ways_in(databases["auth"], user, UUID(me["id"]))
    export_id, files = await export_of(user)
    await export_of(other)

    # what the archive holds
    assert files[f"content/videos/{made['videos'][0]}.mp4"] == SAMPLE.read_bytes()
    manifest = msgspec.json.decode(files["manifest.json"])
    for one in manifest["files"]:
        assert hashlib.sha256(files[one["path"]]).hexdigest() == one["sha256"]
    assert msgspec.json.decode(files["account/account.json"])[0]["email"] == user.email
    captions = msgspec.json.decode(files["jobs/captions.json"])
    assert captions[0]["track"]["job_id"] == made["job"]
    assert {"kind", "amount"} <= msgspec.json.decode(files["jobs/credits.json"])[0].keys()

    # the deletion
    words = (me["id"], user.name, user.email)
    assert all([await traces(one, *words) for one in databases.values()])
    theirs = (await other.call("GET", "/api/auth/me"))["id"], other.name
    before = {name: await traces(one, *theirs) for name, one in databases.items()}
    confirmed = {"user_handle": user.name}
    await user.call("POST", "/api/users/deletion", 202, json=confirmed)

    async def forgotten() -> bool:
        return not any([await traces(one, *words) for one in databases.values()])

    await until(forgotten, seconds=40)

    async def files_gone() -> bool:
        mine = [export_id, *made["videos"], made["profile"]["avatar_url"].rpartition("/")[2]]
        return not any(part in key for key in stored(suite) for part in mine)

    await until(files_gone, seconds=20)
    assert (await user.http.get("/api/auth/me")).status_code == 401
    assert (await user.http.get("/api/videos")).status_code == 401
    refused = await user.http.post(
        "/api/auth/refresh", json={"refresh_token": user.session["refresh_token"]}
    )
    assert refused.status_code == 401

    # the other user is untouched, but for what goes on with them meanwhile
    after = {name: await traces(one, *theirs) for name, one in databases.items()}
    assert {name: found.keys() for name, found in after.items()} == {
        name: found.keys() for name, found in before.items()
    }
    assert len((await other.call("GET", "/api/videos"))["items"]) == 2
    account = {"email": user.email, "password": PASSWORD, "user_handle": user.name}
    await user.call("POST", "/api/auth/register", 201, json=account)
