"""Headers as the gateway handles them: a request's by name, an answer's in a list, and those that
many answers share encoded once."""

from collections.abc import Iterable, Mapping

Fields = Mapping[bytes, bytes]
"""The header fields of a request by lower-case name; of a repeated one the last."""

HeaderList = list[tuple[bytes, bytes]]

ENCODED_PART = "madang.encoded_part"
"""Under this name an `http.response.start` may hold a `HeaderBlock`, and the headers that are not
in it; together they are its `headers`."""

NOT_REPEATED = frozenset(
    {
        b"date",
        b"server",
        b"x-powered-by",
        b"x-request-id",
        b"access-control-allow-origin",
        b"access-control-allow-credentials",
        b"access-control-allow-private-network",
        b"access-control-expose-headers",
    }
)
"""What an upstream may not say in our name; our own server sets the date."""


class HeaderBlock:
    """Header `fields`, their `names`, and the `lines` that they make."""

    __slots__ = ("fields", "lines", "names")

    def __init__(self, fields: HeaderList) -> None:
        self.fields = fields
        self.names = frozenset(name for name, _ in fields)
        self.lines = b"".join(b"%b: %b\r\n" % field for field in fields)

    def without(self, names: Iterable[bytes]) -> HeaderList:
        """The fields but for those of these names."""
        gone = self.names.intersection(names)
        return [field for field in self.fields if field[0] not in gone]
