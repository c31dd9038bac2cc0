"""Avatars as files: painted in a child process, kept under names that nobody uses twice."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Final

import msgspec

from auth_service.profiles.domain import NotAPicture
from auth_service.profiles.picture_child import Painted
from auth_service.profiles.repository import Profiles
from shared.clock import Clock
from shared.db.database import Database
from shared.ids import uuid7
from shared.observability.logging import get_logger
from shared.runtime.children import ChildError, Limits, run_child
from shared.storage.storage import Storage, StoredObject

log = get_logger(__name__)

CHILD: Final = "auth_service.profiles.picture_child"
CHILD_LIMITS = Limits(memory_bytes=1 << 30, cpu_seconds=10, wall_seconds=30)
SECONDS_BETWEEN_SWEEPS = 3600.0
_LANES = 2
"""Pictures painted at the same time; whoever comes later waits."""
_FOLDER = "avatars/"
_UNOWNED_FOR = timedelta(hours=1)
_BATCH = 500


class Avatars:
    """Paints, keeps and removes avatars."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._lanes = asyncio.Semaphore(_LANES)

    async def paint(self, picture: bytes) -> bytes:
        """The avatar of an uploaded file, as WebP; raises `NotAPicture`."""
        async with self._lanes:
            try:
                answer = await run_child(CHILD, picture, limits=CHILD_LIMITS)
            except ChildError as error:
                log.warning("avatar_not_painted", error=repr(error))
                raise NotAPicture("The picture takes more time or memory than allowed.") from error
        painted = msgspec.json.decode(answer, type=Painted)
        if painted.fault:
            raise NotAPicture(painted.fault)
        return painted.webp

    async def keep(self, webp: bytes) -> str:
        """Store an avatar; its name."""
        name = f"{uuid7().hex}.webp"
        async with self._storage.writer(_key(name)) as writer:
            await writer.write(webp)
        return name

    async def head(self, name: str) -> StoredObject:
        """What is known of an avatar's file; raises `NoSuchObject`."""
        return await self._storage.head(_key(name))

    def read(self, name: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Its bytes from `start` to before `end`."""
        return self._storage.read(_key(name), start, end)

    async def remove(self, name: str) -> None:
        """Delete the file of an avatar that nobody has any more."""
        await self._storage.delete(_key(name))


class AvatarSweeper:
    """Removes files that no account names: what a crash, or the end of an account, has left."""

    def __init__(
        self, storage: Storage, avatars: Avatars, database: Database, clock: Clock
    ) -> None:
        self._storage = storage
        self._avatars = avatars
        self._database = database
        self._clock = clock

    async def sweep(self) -> None:
        """Look at every file that is old enough to have found its account."""
        newest = self._clock.now() - _UNOWNED_FOR
        batch: list[str] = []
        async for one in self._storage.list(_FOLDER.rstrip("/")):
            if one.modified < newest:
                batch.append(one.key.removeprefix(_FOLDER))
            if len(batch) == _BATCH:
                await self._remove_unowned(batch)
                batch = []
        await self._remove_unowned(batch)

    async def _remove_unowned(self, names: list[str]) -> None:
        owned = await Profiles(self._database).avatars_in_use(names)
        for name in set(names) - owned:
            await self._avatars.remove(name)
            log.info("avatar_removed", name=name)


def _key(name: str) -> str:
    return _FOLDER + name
