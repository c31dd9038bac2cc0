"""Python's types in the words of the pages."""

import types
from collections.abc import Mapping
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

import msgspec
from pydantic import SecretStr

_WORDS = {
    str: "text",
    SecretStr: "secret text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    UUID: "UUID",
    datetime: "time (RFC 3339)",
    IPv4Network: "IPv4 network",
    IPv6Network: "IPv6 network",
    type(None): "null",
}


def word_for(kind: Any) -> str:
    """What `kind` is called; raises KeyError for a type that has no word yet."""
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(word_for(one) for one in get_args(kind))
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if get_origin(kind) is tuple:
        return f"list of {word_for(get_args(kind)[0])}"
    if get_origin(kind) is Mapping:
        return "JSON object"
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return "JSON object"
    return _WORDS[kind]
