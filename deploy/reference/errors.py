"""The page of error codes: every kind of Problem that the code knows."""

import importlib
import pkgutil
from collections.abc import Iterator

from deploy.reference.markdown import page, table
from shared.errors import Problem

PACKAGES = ("gateway", "auth_service", "content_service", "jobs_service", "shared")

_INTRODUCTION = """\
Every error is answered as `application/problem+json` (RFC 9457) with `type`, `title`, `status`,
`detail`, `code` and `request_id`. A program should look at `code`: it is stable, while texts may
change. With a 422 (`invalid_input`), `errors` holds `{field, message}` for every wrong field at
once. The same codes tell why a job failed (`error.code` of the job), beside three that have no
status: `time_limit`, `worker_lost` (every worker that tried it died) and `expired` (no worker took
it up in time).

Where two services know the same code it means the same. What is worth retrying may succeed later
with nothing changed, as a request, as a job or as a message."""


def errors_page() -> str:
    """The page, by status and then by code."""
    by_code: dict[str, list[type[Problem]]] = {}
    for kind in problems():
        by_code.setdefault(kind.code, []).append(kind)
    rows = sorted(
        (
            str(kinds[0].status),
            f"`{code}`",
            kinds[0].title,
            "yes" if kinds[0].retriable else "",
            ", ".join(sorted({kind.__module__.partition(".")[0] for kind in kinds})),
        )
        for code, kinds in by_code.items()
    )
    return page(
        "Error codes",
        _INTRODUCTION,
        table(("Status", "Code", "Title", "Worth retrying", "Defined in"), rows),
    )


def problems() -> list[type[Problem]]:
    """Every kind of Problem that says of itself what its code is."""
    for package in PACKAGES:
        _import_all(package)
    kinds: list[type[Problem]] = [Problem, *_kinds_of(Problem)]
    return [kind for kind in kinds if "code" in vars(kind)]


def _kinds_of(kind: type[Problem]) -> Iterator[type[Problem]]:
    for child in kind.__subclasses__():
        if child.__module__.partition(".")[0] in PACKAGES:
            yield child
            yield from _kinds_of(child)


def _import_all(package: str) -> None:
    for name in _modules(package):
        importlib.import_module(name)


def _modules(package: str) -> Iterator[str]:
    path = importlib.import_module(package).__path__
    for module in pkgutil.walk_packages(path, f"{package}."):
        if not module.name.endswith("__main__"):
            yield module.name
