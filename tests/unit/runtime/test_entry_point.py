"""Commands of a service: what they are called with, and what a wrong call is told."""

import sys
from unittest.mock import patch

import pytest

from shared.runtime.entry_point import main
from shared.runtime.service import Service
from shared.settings import ServiceSettings

SETTINGS = {
    "SECRET_KEY": "a secret of the whole installation, long enough",
    "DATABASE_URL": "postgresql+asyncpg://nobody@localhost/none",
    "AMQP_URL": "in-process:",
}


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, list[object]]:
    """The exit code of `python -m things …`, and what its command was called with."""
    seen: list[object] = []

    async def count(
        settings: ServiceSettings, shelf: str, *, dry_run: bool = False, even_if_most: bool = False
    ) -> int:
        seen.extend((shelf, dry_run, even_if_most))
        return 0

    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["things", *arguments])
    with patch("shared.runtime.entry_point.configure"):
        code = main("things", ServiceSettings, _never, commands={"count": count})
    return code, seen


def _never(*_: object) -> Service:
    raise AssertionError("it must not serve")


def test_an_option_is_off_unless_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "count", "top") == (0, ["top", False, False])
    assert run(monkeypatch, "count", "--dry-run", "top") == (0, ["top", True, False])
    assert run(monkeypatch, "count", "top", "--even-if-most") == (0, ["top", False, True])


@pytest.mark.parametrize(
    "arguments",
    [("count",), ("count", "a", "b"), ("count", "a", "--wet-run"), ("county", "a")],
)
def test_a_wrong_call_is_told_what_is_right(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert run(monkeypatch, *arguments) == (2, [])
    told = capsys.readouterr().err
    assert told == "usage: python -m things [count SHELF [--dry-run] [--even-if-most]]\n"
