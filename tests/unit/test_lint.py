"""Each rule of `tests.lint` finds what it is for, and nothing else."""

from pathlib import Path

import pytest

from tests import lint

HOME = "content_service/posts/use_cases.py"


def rules(source: str, path: str = HOME) -> list[str]:
    return [finding.rule for finding in lint.check(source, path)]


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("await connection.commit()", "commit"),
        ("session.commit()", "commit"),
        ("now = datetime.now(UTC)", "clock"),
        ("now = datetime.datetime.utcnow()", "clock"),
        ("make = field(default_factory=datetime.now)", "clock"),
        ("now = time.time()", "clock"),
        ("from time import time", "clock"),
        ("key = os.environ['KEY']", "environment"),
        ("key = os.getenv('KEY')", "environment"),
        ("from os import environ", "environment"),
        ("asyncio.create_task(work())", "task"),
        ("asyncio.ensure_future(work())", "task"),
        ("asyncio.get_running_loop().create_task(work())", "task"),
        ("self._loop.create_task(work())", "task"),
        ("try:\n    work()\nexcept Exception:\n    pass", "swallowed"),
        ("try:\n    work()\nexcept (OSError, Exception):\n    result = None", "swallowed"),
        ("try:\n    work()\nexcept:\n    pass", "swallowed"),
    ],
)
def test_a_broken_rule_is_found(source: str, rule: str) -> None:
    assert rules(source) == [rule]


@pytest.mark.parametrize(
    "source",
    [
        "now = clock.now()",
        "started = clock.monotonic()",
        "from time import monotonic",
        "group.create_task(work())",
        "path = os.path.join(a, b)",
        "try:\n    work()\nexcept OSError:\n    pass",
        "try:\n    work()\nexcept Exception:\n    log.exception('failed')",
        "try:\n    work()\nexcept BaseException:\n    await close()\n    raise",
    ],
)
def test_good_code_is_left_alone(source: str) -> None:
    assert rules(source) == []


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("await connection.commit()", "shared/db/database.py"),
        ("asyncio.create_task(work())", "shared/runtime/components.py"),
        ("os.environ['KEY']", "gateway/settings.py"),
        ("datetime.now(UTC)", "shared/clock.py"),
    ],
)
def test_each_rule_has_a_home_where_it_does_not_hold(source: str, path: str) -> None:
    assert rules(source, path) == []


def test_a_finding_tells_where_and_what_to_do() -> None:
    (finding,) = lint.check("x = 1\nnow = time.time()", HOME)
    assert str(finding) == f"{HOME}:2: clock: time.time: take the time from a Clock"


def test_every_exception_names_a_file_that_exists_and_a_reason() -> None:
    root = Path(lint.__file__).parents[1]
    for (path, _), reason in lint.ALLOWED.items():
        assert (root / path).exists()
        assert reason
