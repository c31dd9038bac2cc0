"""Profiles and avatars over HTTP."""

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from auth_service.accounts.domain import AccountGone, HandleTaken
from auth_service.accounts.schemas import EXAMPLE_ACCOUNT, AccountView
from auth_service.accounts.use_cases import ReadAccount
from auth_service.device import device_of
from auth_service.profiles.avatars import Avatars
from auth_service.profiles.domain import Changes, NotAPicture
from auth_service.profiles.use_cases import ChangeProfile, SetAvatar
from shared.errors import FieldError, Invalid, NotFound, TooLarge
from shared.http.binding import read_body
from shared.http.endpoint import endpoint
from shared.http.files import ServedFile, file_response
from shared.security.principal import Principal
from shared.storage.storage import NoSuchObject, StorageUnavailable

MAX_PICTURE_BYTES = 8 * 1024 * 1024
_PICTURE: dict[str, Any] = {"type": "string", "format": "binary"}
_NAME = re.compile(r"[0-9a-f]{32}\.webp")
_FOR_EVER = "public, max-age=31536000, immutable"


class NoSuchAvatar(NotFound):
    """Nobody has this avatar, or nobody has it any more."""

    code, title = "avatar_not_found", "There is no such avatar"


@dataclass(frozen=True, slots=True)
class ProfileEndpoints:
    """The caller's own profile, and everybody's avatars."""

    read_account: ReadAccount
    change_profile: ChangeProfile
    set_avatar: SetAvatar
    avatars: Avatars

    @endpoint(
        "GET",
        "/api/users/profile",
        summary="Read your own profile",
        tag="users",
        example=EXAMPLE_ACCOUNT,
        errors=(AccountGone,),
        scope="profile:read",
    )
    async def read(self, caller: Principal) -> AccountView:
        """The caller's account."""
        return AccountView.of(await self.read_account(caller))

    @endpoint(
        "PATCH",
        "/api/users/profile",
        summary="Change your own profile",
        tag="users",
        description="What is left out stays as it is. A handle must not look like somebody "
        "else's (Unicode TS 39). Everything else of an account changes in ways of its own, and is "
        "ignored here.",
        body_example=Changes(display_name="Mina Kim", language="ko", time_zone="Asia/Seoul"),
        example=EXAMPLE_ACCOUNT,
        errors=(AccountGone, HandleTaken),
        scope="profile:write",
    )
    async def change(self, body: Changes, caller: Principal, request: Request) -> AccountView:
        """The changed account."""
        return AccountView.of(await self.change_profile(caller.id, body, device_of(request)))

    @endpoint(
        "PUT",
        "/api/users/profile/avatar",
        summary="Set your avatar",
        tag="users",
        description="The body is the picture itself: PNG, JPEG, WebP or GIF, judged by content. "
        "It is cut to a square of 256 pixels; nothing else of the file is kept.",
        accepts=("application/octet-stream",),
        body_schema=_PICTURE,
        example=EXAMPLE_ACCOUNT,
        errors=(AccountGone, Invalid, NotAPicture, TooLarge, StorageUnavailable),
        scope="profile:write",
    )
    async def put_avatar(self, caller: Principal, request: Request) -> AccountView:
        """The changed account."""
        picture = await read_body(request, MAX_PICTURE_BYTES)
        if not picture:
            raise Invalid(errors=(FieldError("body", "must be the picture itself; it is empty"),))
        return AccountView.of(await self.set_avatar(caller.id, picture, device_of(request)))

    @endpoint(
        "DELETE",
        "/api/users/profile/avatar",
        summary="Remove your avatar",
        tag="users",
        example=EXAMPLE_ACCOUNT,
        errors=(AccountGone, StorageUnavailable),
        scope="profile:write",
    )
    async def delete_avatar(self, caller: Principal, request: Request) -> AccountView:
        """The changed account."""
        return AccountView.of(await self.set_avatar(caller.id, None, device_of(request)))

    @endpoint(
        "GET",
        "/api/avatars/{name}",
        summary="See an avatar",
        tag="users",
        description="Everybody may; the address of an avatar is in the profile, and changes with "
        "the picture.",
        answers=("image/webp",),
        sends_file=True,
        errors=(NoSuchAvatar, StorageUnavailable),
    )
    async def see(self, name: str, request: Request) -> Response:
        """The picture."""
        if not _NAME.fullmatch(name):
            raise NoSuchAvatar
        try:
            found = await self.avatars.head(name)
        except NoSuchObject:
            raise NoSuchAvatar from None

        def read(start: int, end: int) -> AsyncGenerator[bytes, None]:
            return self.avatars.read(name, start, end)

        file = ServedFile(name, "image/webp", found.size, name, read, disposition="inline")
        response = await file_response(request, file)
        response.headers["cache-control"] = _FOR_EVER
        return response
