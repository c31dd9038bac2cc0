import io
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from PIL import Image

from auth_service.profiles.avatars import Avatars, AvatarSweeper
from shared.messaging.event import decode
from shared.storage.storage import Storage
from tests.integration.auth.conftest import Auth, bearer
from tests.integration.auth.letters import letters_to

PATH = "/api/users/profile"


class Owner:
    """Somebody who is logged in and changes their profile."""

    def __init__(self, auth: Auth, tokens: dict[str, Any]) -> None:
        self.auth = auth
        self.headers = bearer(tokens["access_token"])
        self.id: str = tokens["user"]["id"]

    async def read(self) -> dict[str, Any]:
        answer = await self.auth.http.get(PATH, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def change(self, **changes: object) -> httpx.Response:
        return await self.auth.http.patch(PATH, headers=self.headers, json=changes)

    async def put_avatar(self, picture: bytes) -> httpx.Response:
        return await self.auth.http.put(f"{PATH}/avatar", headers=self.headers, content=picture)


@pytest.fixture
async def mina(auth: Auth) -> Owner:
    """A new user."""
    return Owner(auth, await auth.session())


def picture(kind: str = "PNG", size: tuple[int, int] = (640, 480), **more: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, kind, **more)
    return file.getvalue()


def field_errors(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {one["field"]: one["message"] for one in answer.json()["errors"]}


@pytest.mark.parametrize("path", [PATH, f"{PATH}/"])
async def test_without_a_token_a_profile_is_a_401_and_never_a_404(auth: Auth, path: str) -> None:
    assert (await auth.http.get(path)).status_code == 401
    assert (await auth.http.patch(path, json={"bio": "x"})).status_code == 401


async def test_a_profile_is_read_and_changed_in_part(mina: Owner) -> None:
    before = await mina.read()
    answer = await mina.change(display_name=" 김민아 ", language="ko", time_zone="Asia/Seoul")
    assert answer.status_code == 200
    wanted = {**before, "display_name": "김민아", "language": "ko", "time_zone": "Asia/Seoul"}
    assert answer.json() == wanted == await mina.read()


async def test_every_wrong_field_is_named_at_once(mina: Owner) -> None:
    wrong = {
        "display_name": "x" * 61,
        "bio": "a\x00b",
        "language": "klingon!",
        "time_zone": "Mars/Olympus",
        "user_handle": "no spaces",
    }
    assert field_errors(await mina.change(**wrong)).keys() == wrong.keys()
    assert "display_name" in field_errors(await mina.change(display_name="two\nlines"))
    assert "display_name" in field_errors(await mina.change(display_name="\u3164\u200b"))
    assert "display_name" in field_errors(await mina.change(display_name=None))


async def test_nothing_but_the_profile_can_be_changed_this_way(mina: Owner) -> None:
    before = await mina.read()
    answer = await mina.change(
        id="01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42",
        roles=["admin"],
        email="else@example.com",
        email_verified=True,
        guest=True,
        suspended=True,
        revision=99,
        bio="changed",
    )
    assert answer.json() == {**before, "bio": "changed"}


async def test_a_handle_can_be_changed_to_what_nobody_has(auth: Auth, mina: Owner) -> None:
    other = await auth.register()
    taken = await mina.change(user_handle=other["user_handle"].upper())
    assert taken.status_code == 409
    assert taken.json()["code"] == "handle_taken"
    free = other["user_handle"].replace("mina", "nina")
    assert (await mina.change(user_handle=free)).json()["user_handle"] == free
    await auth.log_in(free)


async def test_the_owner_is_told_by_mail_of_another_handle(auth: Auth, mina: Owner) -> None:
    before = await mina.read()
    await mina.change(display_name="Mina Kim")
    await mina.change(user_handle="renamed." + before["user_handle"][-8:])
    letters = await letters_to(auth, before["email"])
    (letter,) = [one for one in letters if one.template == "handle_changed"]
    assert letter.values["before"] == before["user_handle"]
    assert letter.values["handle"].startswith("renamed.")


async def test_a_handle_that_looks_like_a_taken_one_is_taken(auth: Auth, mina: Owner) -> None:
    other = await auth.register()
    lookalike = other["user_handle"].replace("m", "rn", 1)
    assert (await mina.change(user_handle=lookalike)).status_code == 409
    wanted = {"email": "new@example.com", "user_handle": lookalike, "password": "Correct7Horse"}
    refused = await auth.http.post("/api/auth/register", json=wanted)
    assert refused.status_code == 409
    assert [one["field"] for one in refused.json()["errors"]] == ["user_handle"]


async def test_the_case_of_ones_own_handle_can_be_changed(mina: Owner) -> None:
    handle = (await mina.read())["user_handle"].upper()
    assert (await mina.change(user_handle=handle)).json()["user_handle"] == handle


async def test_a_change_is_announced_with_a_higher_revision(auth: Auth, mina: Owner) -> None:
    await mina.change(display_name="Mina")
    await mina.change(display_name="Mina")  # nothing new
    await mina.change(display_name="Mina Kim")
    told = [
        msgspec.json.decode(decode(envelope.encode()).data)
        for envelope in await auth.announced("auth.user.updated", mina.id)
    ]
    assert sorted((one["revision"], one["display_name"]) for one in told) == [
        (2, "Mina"),
        (3, "Mina Kim"),
    ]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_a_picture_becomes_a_square_that_everybody_sees(mina: Owner, kind: str) -> None:
    address = (await mina.put_avatar(picture(kind))).json()["avatar_url"]
    seen = await mina.auth.http.get(address)
    assert seen.status_code == 200
    assert seen.headers["content-type"] == "image/webp"
    assert "immutable" in seen.headers["cache-control"]
    with Image.open(io.BytesIO(seen.content)) as avatar:
        assert (avatar.format, avatar.size) == ("WEBP", (256, 256))


async def test_nothing_of_the_file_is_kept_but_what_can_be_seen(mina: Owner) -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at 37.5665 N 126.9780 E"
    file = picture("JPEG", exif=exif) + b"PK\x03\x04 a second file"
    address = (await mina.put_avatar(file)).json()["avatar_url"]
    kept = (await mina.auth.http.get(address)).content
    assert b"37.5665" not in kept
    assert b"PK\x03\x04" not in kept


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "no PNG"),
        (b"%PDF-1.7", "no PNG"),
        (picture()[:200], "damaged"),
        (picture("JPEG")[:300], "damaged"),
        (picture(size=(9000, 9000)), "pixels"),
    ],
    ids=["svg", "pdf", "cut png", "cut jpeg", "bomb"],
)
async def test_what_is_no_picture_is_refused_with_the_reason(
    mina: Owner, file: bytes, fault: str
) -> None:
    refused = await mina.put_avatar(file)
    assert refused.status_code == 415
    assert fault in refused.json()["detail"]
    assert (await mina.read())["avatar_url"] is None


async def test_an_empty_picture_is_named(mina: Owner) -> None:
    assert field_errors(await mina.put_avatar(b""))["body"].startswith("must be the picture")


async def test_a_file_that_is_too_large_is_refused(mina: Owner) -> None:
    assert (await mina.put_avatar(b"x" * (8 * 1024 * 1024 + 1))).status_code == 413


async def test_the_old_picture_goes_when_a_new_one_comes_or_none(mina: Owner) -> None:
    first = (await mina.put_avatar(picture())).json()["avatar_url"]
    second = (await mina.put_avatar(picture())).json()["avatar_url"]
    assert (await mina.auth.http.get(first)).status_code == 404
    removed = await mina.auth.http.delete(f"{PATH}/avatar", headers=mina.headers)
    assert removed.json()["avatar_url"] is None
    assert (await mina.auth.http.get(second)).json()["code"] == "avatar_not_found"


@pytest.mark.parametrize("name", ["x.webp", "..%2f..%2fetc%2fpasswd", "a" * 32 + ".png"])
async def test_there_is_nothing_to_see_but_avatars(auth: Auth, name: str) -> None:
    assert (await auth.http.get(f"/api/avatars/{name}")).status_code == 404


async def test_files_that_no_account_names_are_removed(
    auth: Auth, mina: Owner, tmp_path: Any
) -> None:
    storage = Storage.open(tmp_path.as_uri())
    avatars = Avatars(storage)
    name = await avatars.keep(b"left by a crash")
    sweeper = AvatarSweeper(storage, avatars, auth.database, auth.clock)
    await sweeper.sweep()
    await avatars.head(name)  # too young to be judged
    auth.clock.advance(timedelta(hours=2).total_seconds())
    await sweeper.sweep()
    assert [one async for one in storage.list("avatars")] == []
