"""The generated files say what the code says."""

import asyncio
from pathlib import Path

import pytest

from deploy.reference import __main__ as command
from deploy.reference.errors import problems
from deploy.reference.files import generated
from deploy.reference.settings import READERS, settings_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
async def files() -> dict[str, str]:
    return await generated()


@pytest.mark.parametrize(
    "path",
    [
        "docs/reference/settings.md",
        "docs/reference/events.md",
        "docs/reference/errors.md",
        "gateway/openapi.json",
    ],
)
def test_a_generated_file_is_up_to_date(path: str, files: dict[str, str]) -> None:
    stored = (ROOT / path).read_text(encoding="utf-8")
    assert stored == files[path], (
        f"{path} is out of date. If the change is meant, run `make reference`,"
        " read the difference as a client would, and commit it."
    )


def test_every_generated_file_is_checked_here(files: dict[str, str]) -> None:
    assert len(files) == 4


@pytest.mark.parametrize("process", READERS)
def test_every_setting_says_what_it_means(process: str) -> None:
    assert [one.name for one in settings_of(READERS[process]) if not one.description] == []


def test_a_code_means_the_same_everywhere() -> None:
    meanings: dict[str, set[tuple[int, str]]] = {}
    for kind in problems():
        meanings.setdefault(kind.code, set()).add((kind.status, kind.title))
    assert {code: found for code, found in meanings.items() if len(found) > 1} == {}


async def test_the_command_writes_what_is_stale_and_checks_without_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]
) -> None:
    monkeypatch.setattr(command, "ROOT", tmp_path)
    for path in files:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    stale = tmp_path / "docs/reference/errors.md"

    assert await asyncio.to_thread(command.main, ["--check"]) == 1
    assert not stale.exists()
    assert await asyncio.to_thread(command.main, []) == 0
    assert stale.read_text(encoding="utf-8") == files["docs/reference/errors.md"]
    assert await asyncio.to_thread(command.main, ["--check"]) == 0
