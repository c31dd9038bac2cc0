"""Which requests may share an answer, and by what they are known."""

from starlette.types import Scope

from gateway.headers import Fields

Key = tuple[str | bytes | None, ...]
"""Scheme, host, path and query, and where an answer varies, the fields of the request."""

_MAX_TARGET_BYTES = 2048
_READS = ("GET", "HEAD")

_OF_ITS_OWN = frozenset(
    {
        b"authorization",
        b"content-length",
        b"cookie",
        b"if-match",
        b"if-range",
        b"if-unmodified-since",
        b"range",
        b"transfer-encoding",
        b"x-api-key",
    }
)
"""A request with one of these tells who asks, asks for a part, or has a body."""

_NAMING_NOTHING = (b"keep-alive", b"close")
_CONDITIONS = frozenset({b"if-none-match", b"if-modified-since"})


def key_of(scope: Scope, fields: Fields) -> Key | None:
    """The key of a request, or None for one whose answer is for nobody else.

    Scheme and host belong to it, since the upstream is told them and may write them into its
    answer. Of a repeated field an upstream may see another value than we do, and of one that
    `Connection` names, none.
    """
    if (
        not _OF_ITS_OWN.isdisjoint(fields)
        or scope["method"] not in _READS
        or len(fields) != len(scope["headers"])
        or fields.get(b"connection", b"close").lower() not in _NAMING_NOTHING
    ):
        return None
    path, query = scope["raw_path"], scope["query_string"]
    if len(path) + len(query) > _MAX_TARGET_BYTES:
        return None
    if path[-1:] == b"/":  # routes ignore it, too
        path = path[:-1]
    return scope["scheme"], fields.get(b"host"), path, query


def varied(key: Key, names: tuple[bytes, ...], fields: Fields) -> Key:
    """The key of an answer that varies by `names`."""
    return (*key, *(fields.get(name) for name in names)) if names else key


def unconditional(scope: Scope, fields: Fields) -> Scope:
    """The request for the whole answer: whether its client has it already is found out here."""
    if _CONDITIONS.isdisjoint(fields):
        return scope
    headers = [field for field in scope["headers"] if field[0] not in _CONDITIONS]
    return {**scope, "headers": headers}
