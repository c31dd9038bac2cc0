"""From JSON and strings to typed values, with every mistake reported at once.

The quick way is msgspec's, which stops at the first mistake; only when it fails is the input
converted again field by field, to collect them all.
"""

import re
import types
from collections.abc import Mapping
from typing import Any, TypeVar, get_args

import msgspec
import msgspec.inspect

from shared.errors import UNREADABLE, FieldError, Invalid, Malformed

T = TypeVar("T")
_QUOTED = re.compile("`([^`]*)`")
_WORDS: Mapping[str, str] = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
}


def decode_json(body: bytes, wanted: type[T]) -> T:
    """`body` as `wanted`; raises `Malformed` when it is no JSON, `Invalid` naming every field."""
    try:
        return msgspec.json.decode(body, type=wanted)
    except msgspec.ValidationError as error:
        mistakes = _mistakes(_plain(body), wanted, "", str(error))
        raise Invalid(errors=tuple(mistakes)) from None
    except UNREADABLE as error:
        if not body:
            raise Malformed("The body is empty; send JSON.") from None
        raise Malformed(f"The body is not valid JSON: {error}.") from None


def _plain(body: bytes) -> object:
    """`body` without a type. It may be no JSON after all: msgspec judges a field before it reads
    what follows, and without a type also refuses numbers that no field could take."""
    try:
        return msgspec.json.decode(body)
    except UNREADABLE as error:
        raise Malformed(f"The body is not valid JSON: {error}.") from None


def convert_strings(values: Mapping[str, str], wanted: type[T]) -> T:
    """Query or form fields as the Struct `wanted`; raises `Invalid` naming every field."""
    try:
        return msgspec.convert(values, wanted, strict=False)
    except msgspec.ValidationError as error:
        mistakes = _mistakes(values, wanted, "", str(error), strict=False)
        raise Invalid(errors=tuple(mistakes)) from None


def convert_string(value: str, wanted: Any, field: str) -> Any:
    """One string as `wanted`; raises `Invalid` naming `field`."""
    try:
        return msgspec.convert(value, wanted, strict=False)
    except msgspec.ValidationError as error:
        choice = _choice(wanted)
        expected = f"must be {choice}" if choice else _sentence(error).removesuffix(", not a text")
        raise Invalid(errors=(FieldError(field, f"{expected}; it is {value!r}"),)) from None


def _mistakes(
    raw: object, wanted: Any, prefix: str, whole: str, *, strict: bool = True
) -> list[FieldError]:
    if not isinstance(raw, Mapping):
        return [FieldError(prefix.rstrip(".") or "body", "must be a JSON object")]
    if isinstance(wanted, types.UnionType):
        wanted = _chosen(raw, wanted)
        if isinstance(wanted, FieldError):
            return [wanted]
    found: list[FieldError] = []
    known: dict[str, Any] = dict.fromkeys(_tag_field(wanted))
    for field in msgspec.structs.fields(wanted):
        name = field.encode_name
        known[name] = field
        if name not in raw:
            if field.required:
                found.append(FieldError(prefix + name, "is required"))
            continue
        try:
            msgspec.convert(raw[name], field.type, strict=strict)
        except msgspec.ValidationError as error:
            if isinstance(raw[name], Mapping) and _is_struct(field.type):
                found += _mistakes(raw[name], field.type, f"{prefix}{name}.", str(error))
            else:
                found.append(_mistake(prefix + name, field.type, raw[name], error))
    if wanted.__struct_config__.forbid_unknown_fields:
        found += [
            FieldError(prefix + str(name), f"is not known here; known are: {', '.join(known)}")
            for name in raw
            if name not in known
        ]
    return found or [FieldError(prefix.rstrip(".") or "body", whole)]


def _chosen(raw: Mapping[Any, Any], wanted: types.UnionType) -> Any:
    """The Struct that `raw` says it is, or what is wrong with its saying so."""
    tagged = {one.__struct_config__.tag: one for one in get_args(wanted)}
    (name,) = _tag_field(next(iter(tagged.values())))
    choice = " or ".join(repr(tag) for tag in tagged)
    if name not in raw:
        return FieldError(name, f"is required: {choice}")
    if not isinstance(raw[name], str) or raw[name] not in tagged:
        return FieldError(name, f"must be {choice}; it is {raw[name]!r}")
    return tagged[raw[name]]


def _tag_field(wanted: type[msgspec.Struct]) -> tuple[str, ...]:
    """The field that tells a Struct from the others of its union, where it has one."""
    name = wanted.__struct_config__.tag_field
    return () if name is None else (name,)


def _mistake(name: str, wanted: Any, value: object, error: msgspec.ValidationError) -> FieldError:
    """What is wrong with one field; of a choice, what there is to choose from."""
    if (path := _path_in(error)) or not (choice := _choice(wanted)):
        return FieldError(name + path, _sentence(error))
    return FieldError(name, f"must be {choice}; it is {value!r}")


def _choice(wanted: Any) -> str:
    return " or ".join(repr(one) for one in _choices(msgspec.inspect.type_info(wanted)))


def _choices(wanted: msgspec.inspect.Type) -> tuple[object, ...]:
    """What a field may be that takes a few texts or numbers alone."""
    match wanted:
        case msgspec.inspect.Metadata(type=inner):
            return _choices(inner)
        case msgspec.inspect.LiteralType(values=values):
            return tuple(values)
        case msgspec.inspect.EnumType(cls=kind):
            return tuple(one.value for one in kind)
        case msgspec.inspect.UnionType(types=(one, msgspec.inspect.NoneType())):
            return _choices(one)
        case _:
            return ()


def _is_struct(wanted: Any) -> bool:
    return isinstance(wanted, type) and issubclass(wanted, msgspec.Struct)


def _path_in(error: msgspec.ValidationError) -> str:
    _, _, path = str(error).partition(" - at `$")
    return path.rstrip("`")


def _sentence(error: msgspec.ValidationError) -> str:
    """What msgspec says, in words that are not Python's: `must be a number or null, not a text`."""
    message = str(error).partition(" - at `$")[0]
    message = message.replace("Expected ", "must be ").replace(", got ", ", not ")
    message = _QUOTED.sub(_in_words, message)
    return message[:1].lower() + message[1:]


def _in_words(quoted: re.Match[str]) -> str:
    return " or ".join(_WORDS.get(one, one) for one in quoted[1].split(" | "))
