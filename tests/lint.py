"""Our own lint rules, each for a habit that the project depends on: `python -m tests.lint`.

| rule | why |
| --- | --- |
| commit | only a transaction of `shared/db` commits, together with its outbox rows |
| clock | time comes from the clock, so that tests can move it |
| environment | only settings read the environment, so that every variable is known and checked |
| task | tasks outside `shared/runtime` belong to a group, so that none is lost or left behind |
| swallowed | `except Exception` logs or raises, so that no error disappears |
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("gateway", "auth_service", "content_service", "jobs_service", "shared", "deploy")

ALLOWED = {
    ("shared/clock.py", "clock"): "it is the clock",
    (
        "shared/ids.py",
        "clock",
    ): "an id holds the time of its making, also where no clock is at hand",
    ("shared/settings.py", "environment"): "reads the NAME_FILE variables",
    ("shared/runtime/together.py", "swallowed"): "those who asked get it",
    ("shared/http/in_process.py", "task"): "the answer owns the task of its app, and ends it",
    ("jobs_service/recognition/whisper_child.py", "swallowed"): "the refusal it returns tells it",
}
"""Exceptions, each with its reason."""

_CLOCK = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.time_ns",
}
_ENVIRONMENT = {"os.environ", "os.getenv", "os.environb"}
_TASKS = {"asyncio.create_task", "asyncio.ensure_future", "loop.create_task"}
_LOG_CALLS = {"debug", "info", "warning", "error", "exception", "critical"}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A broken rule."""

    path: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


def check(source: str, path: str) -> list[Finding]:
    """The rules that `source` breaks; `path` is relative to the project."""
    found = [
        Finding(path, line, rule, message)
        for node in ast.walk(ast.parse(source, path))
        for line, rule, message in _broken(node)
    ]
    return sorted(one for one in found if not _is_allowed(path, one.rule))


def _is_allowed(path: str, rule: str) -> bool:
    at_home = {
        "commit": path.startswith("shared/db/"),
        "environment": path.endswith("/settings.py") and path != "shared/settings.py",
        "task": path.startswith("shared/runtime/"),
    }
    return at_home.get(rule, False) or (path, rule) in ALLOWED


def _broken(node: ast.AST) -> Iterator[tuple[int, str, str]]:
    if isinstance(node, ast.Attribute) and node.attr == "commit":
        yield node.lineno, "commit", "leave the transaction's block instead"
    if isinstance(node, ast.Attribute | ast.ImportFrom):
        for name in _names(node):
            if name in _CLOCK:
                yield node.lineno, "clock", f"{name}: take the time from a Clock"
            if name in _ENVIRONMENT:
                yield node.lineno, "environment", f"{name}: add it to a settings class"
            if name in _TASKS:
                yield node.lineno, "task", f"{name}: use an asyncio.TaskGroup or a Component"
    if isinstance(node, ast.ExceptHandler) and _catches_all(node) and not _is_told(node):
        yield node.lineno, "swallowed", "log the error or raise"


def _names(node: ast.Attribute | ast.ImportFrom) -> list[str]:
    """`datetime.now` for `datetime.now` and `dt.datetime.now`; `time.time` for its import."""
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    owner = node.value
    if isinstance(owner, ast.Call):
        owner = owner.func
    last = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return [f"{'loop' if last.endswith('loop') else last}.{node.attr}"]


def _catches_all(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException"))
        for kind in kinds
    )


def _is_told(handler: ast.ExceptHandler) -> bool:
    return any(
        isinstance(node, ast.Raise)
        or (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in _LOG_CALLS
        )
        for node in ast.walk(handler)
    )


def main() -> int:
    """Check the project and print what is wrong; the exit code."""
    root = Path(__file__).parents[1]
    found = [
        finding
        for package in PACKAGES
        for file in sorted((root / package).rglob("*.py"))
        for finding in check(file.read_text(), file.relative_to(root).as_posix())
    ]
    for finding in found:
        sys.stdout.write(f"{finding}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
