"""The documented calls, and which of them a request makes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.mock.answers import AnswerMaker, Answers
from gateway.mock.rules import Parameter, Rules
from gateway.mock.schemas import Schema, Schemas
from shared.errors import MethodNotAllowed, NotFound

_PARAMETER = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One documented call: what it asks of a request, and what it answers."""

    needs_token: bool
    rules: Rules
    answers: Answers


class Operations:
    """The operations of a document, looked up by method and path."""

    def __init__(self, document: Mapping[str, Any], schemas: Schemas) -> None:
        maker = AnswerMaker(schemas)
        self._exact: dict[str, dict[str, Operation]] = {}
        self._templates: list[tuple[re.Pattern[str], dict[str, Operation]]] = []
        for path, methods in document["paths"].items():
            operations = {
                method.upper(): _operation(maker, schemas, operation, f"{method.upper()} {path}")
                for method, operation in methods.items()
            }
            if "GET" in operations:
                operations.setdefault("HEAD", operations["GET"])
            if "{" in path:
                self._templates.append((_pattern(path), operations))
            else:
                self._exact[path] = operations

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        """The operation and the parameters of its path; raises `NotFound`, `MethodNotAllowed`."""
        path = path.rstrip("/") or "/"
        allowed: list[str] = []
        for operations, parameters in self._at(path):
            if method in operations:
                return operations[method], parameters
            allowed += operations
        if not allowed:
            raise NotFound(f"Nothing answers at {path}.")
        known = ", ".join(sorted(set(allowed)))
        raise MethodNotAllowed(
            f"{path} does not answer {method}; it answers {known}.", headers={"allow": known}
        )

    def _at(self, path: str) -> Iterator[tuple[dict[str, Operation], dict[str, str]]]:
        if path in self._exact:
            yield self._exact[path], {}
        for pattern, operations in self._templates:
            if (match := pattern.fullmatch(path)) is not None:
                yield operations, match.groupdict()


def _operation(maker: AnswerMaker, schemas: Schemas, described: Schema, where: str) -> Operation:
    parameters = [
        Parameter(one["name"], one["in"], one.get("required", False), one["schema"])
        for one in map(schemas.resolved, described.get("parameters", ()))
    ]
    content = schemas.resolved(described.get("requestBody", {})).get("content", {})
    bodies = {name: media.get("schema", {}) for name, media in content.items()}
    in_path = [one.name for one in parameters if one.place == "path"]
    security = described.get("security", [])
    return Operation(
        needs_token=bool(security) and {} not in security,
        rules=Rules(schemas, parameters, bodies),
        answers=maker.answers(described, where, in_path),
    )


def _pattern(path: str) -> re.Pattern[str]:
    parts = _PARAMETER.split(path)
    return re.compile(
        "".join(
            f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part)
            for index, part in enumerate(parts)
        )
    )
