"""Mock mode answers every documented call with every documented status, as it is documented."""

import copy
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS31Validator, oas31_format_checker

from gateway.documented import documented
from gateway.mock.api import MockApi
from gateway.mock.schemas import Schemas
from gateway.mock.values import Values
from shared.http.clients import in_process

Document = dict[str, Any]
WHOLE = documented()
SCHEMAS = Schemas(WHOLE["components"])


def without_examples(document: Document) -> Document:
    """The document as one would be that gives no example of anything but a problem."""
    bare = copy.deepcopy(document)
    for operations in bare["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status < "400":
                    for media in response.get("content", {}).values():
                        media.pop("example", None)
    return bare


def cases() -> Iterator[tuple[str, str, str]]:
    for path, operations in WHOLE["paths"].items():
        for method, operation in operations.items():
            for status in operation["responses"]:
                yield method, path, status


def path_with_values(path: str, operation: Document) -> str:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            value = Values(SCHEMAS).of(parameter["schema"], parameter["name"])
            path = path.replace(f"{{{parameter['name']}}}", str(value))
    return path


async def asked(api: MockApi, method: str, path: str, status: str) -> httpx.Response:
    operation = WHOLE["paths"][path][method]
    headers = {"authorization": "Bearer any", "prefer": f"code={status}"}
    async with in_process(api, "mock") as client:
        return await client.request(method, path_with_values(path, operation), headers=headers)


DOCUMENTS = pytest.mark.parametrize(
    "document", [WHOLE, without_examples(WHOLE)], ids=["examples", "made"]
)


@pytest.mark.parametrize(("method", "path", "status"), list(cases()))
@DOCUMENTS
async def test_an_answer_satisfies_its_schema(
    document: Document, method: str, path: str, status: str
) -> None:
    answer = await asked(MockApi(document), method, path, status)
    assert answer.status_code == int(status)
    described = SCHEMAS.resolved(WHOLE["paths"][path][method]["responses"][status])
    content = described.get("content", {})
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if not content:
        assert answer.content == b""
    elif kind in content and "schema" in content[kind] and kind.endswith("json"):
        schema = {**content[kind]["schema"], "components": WHOLE["components"]}
        OAS31Validator(schema, format_checker=oas31_format_checker).validate(answer.json())
    else:
        assert any(_covers(documented_kind, kind) for documented_kind in content), kind
        assert answer.content
    for name in described.get("headers", {}):
        assert name in answer.headers


def _covers(documented_kind: str, kind: str) -> bool:
    return documented_kind in (kind, f"{kind.partition('/')[0]}/*")


@DOCUMENTS
async def test_two_mocks_answer_the_same(document: Document) -> None:
    first, second = MockApi(document), MockApi(copy.deepcopy(document))
    for case in cases():
        assert (await asked(first, *case)).content == (await asked(second, *case)).content
