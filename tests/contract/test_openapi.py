"""What each service says of itself in OpenAPI is valid, whole, and true to its own examples."""

from collections.abc import Iterator
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import OpenAPIV31SpecValidator

from deploy.reference.composed import Process

Document = dict[str, Any]
SERVICES = ("gateway", "auth_service", "content_service", "jobs_service")
METHODS = {"get", "head", "post", "put", "patch", "delete", "options"}


@pytest.fixture(scope="session", params=SERVICES)
async def document(request: pytest.FixtureRequest, processes: dict[str, Process]) -> Document:
    """The document of each service; the gateway's is the merged one."""
    return await processes[request.param].openapi()


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert method in METHODS
            yield f"{method.upper()} {path}", operation


def resolved(answer: Document, document: Document) -> Document:
    """The answer, or the one that it refers to."""
    if "$ref" not in answer:
        return answer
    found: Document = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return found


def json_media(document: Document) -> Iterator[tuple[str, Document]]:
    """Each JSON body and answer, by where it stands."""
    for name, operation in operations(document):
        parts = {"body": operation.get("requestBody", {}), **operation["responses"]}
        for part, described in parts.items():
            for media_type, media in resolved(described, document).get("content", {}).items():
                if media_type.endswith("json"):
                    yield f"{name} {part} {media_type}", media


def examples_in(media: Document) -> list[Any]:
    alone = [media["example"]] if "example" in media else []
    return alone + [one["value"] for one in media.get("examples", {}).values()]


def mistakes_in(example: Any, media: Document, document: Document) -> list[str]:
    schema = {**media["schema"], "components": document["components"]}
    validator = OAS31Validator(schema, format_checker=oas31_format_checker)
    return [f"{mistake.json_path}: {mistake.message}" for mistake in validator.iter_errors(example)]


def test_the_document_is_valid_openapi_3_1(document: Document) -> None:
    assert document["openapi"].startswith("3.1.")
    errors = OpenAPIV31SpecValidator(document).iter_errors()
    assert [error.message for error in errors] == []


def test_every_operation_has_a_summary_and_a_name_of_its_own(document: Document) -> None:
    found = list(operations(document))
    assert [name for name, operation in found if not operation.get("summary")] == []
    names = [operation["operationId"] for _, operation in found]
    assert sorted(names) == sorted(set(names))
    assert [name for name in names if not name.isidentifier()] == []


def test_every_json_body_and_answer_has_an_example(document: Document) -> None:
    assert [where for where, media in json_media(document) if not examples_in(media)] == []


def test_every_example_satisfies_its_own_schema(document: Document) -> None:
    wrong = {
        where: mistakes
        for where, media in json_media(document)
        for example in examples_in(media)
        if (mistakes := mistakes_in(example, media, document))
    }
    assert wrong == {}


def test_what_needs_a_token_tells_of_401(document: Document) -> None:
    for name, operation in operations(document):
        if {"bearer": []} in operation.get("security", []):
            assert "401" in operation["responses"], name


def test_what_takes_input_tells_of_422(document: Document) -> None:
    for name, operation in operations(document):
        if operation.get("parameters") or "requestBody" in operation:
            assert "422" in operation["responses"], name


def test_every_error_is_a_problem(document: Document) -> None:
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status >= "400" and name != "GET /health/full":
                assert list(resolved(answer, document)["content"]) == [
                    "application/problem+json"
                ], (name, status)


def test_no_internal_path_is_told(document: Document) -> None:
    assert [path for path in document["paths"] if path.startswith("/internal")] == []


async def test_the_gateway_tells_of_every_public_path(processes: dict[str, Process]) -> None:
    merged = await processes["gateway"].openapi()
    for service in SERVICES[1:]:
        own = await processes[service].openapi()
        assert own["paths"].keys() <= merged["paths"].keys()
