"""The JSON schemas of the document, with their references followed."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
_PREFIX = "#/components/"


class Schemas:
    """What `#/components/...` refers to."""

    def __init__(self, components: Mapping[str, Mapping[str, Any]]) -> None:
        self._components = components

    def resolved(self, node: Schema) -> Schema:
        """`node`, or what it refers to; raises KeyError for a reference to nothing."""
        while "$ref" in node:
            kind, _, name = node["$ref"].removeprefix(_PREFIX).partition("/")
            node = self._components[kind][name]
        return node

    def choices(self, schema: Schema) -> list[Schema]:
        """The schemas of which one must hold: those of `anyOf` or `oneOf`, or `schema` alone."""
        schema = self.resolved(schema)
        given = schema.get("anyOf") or schema.get("oneOf")
        return [schema] if given is None else [self.resolved(one) for one in given]
