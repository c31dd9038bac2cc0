"""The world of these tests, and files to upload into it."""

from pathlib import Path
from uuid import UUID

import httpx
import pytest

from shared.db.database import Database
from shared.ids import uuid7
from shared.storage.storage import Storage
from tests.integration.content.world import World
from tests.support.media import make_media


@pytest.fixture
def world(content_database: Database, tmp_path: Path) -> World:
    """The service with an empty database and an empty directory."""
    return World.build(content_database, Storage.open((tmp_path / "files").as_uri()))


@pytest.fixture
def user() -> UUID:
    """A user's id."""
    return uuid7()


@pytest.fixture
def client(world: World, user: UUID) -> httpx.AsyncClient:
    """A client of that user."""
    return world.client(user)


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one good video, `good.mp4`, and a `silent.mp4`."""
    folder = tmp_path_factory.mktemp("media")
    make_media(folder / "good.mp4")
    make_media(folder / "silent.mp4", sound=False)
    return folder


@pytest.fixture
def good(media: Path) -> Path:
    """Two seconds of picture and sound."""
    return media / "good.mp4"
