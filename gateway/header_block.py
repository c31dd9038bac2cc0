"""Headers that many answers share, encoded once."""

from collections.abc import Iterable

HeaderList = list[tuple[bytes, bytes]]


class HeaderBlock:
    """Header `fields`, and the `lines` that they make; an answer may state the `replaceable` ones
    itself instead."""

    __slots__ = ("fields", "lines", "replaceable")

    def __init__(self, replaceable: HeaderList, fixed: HeaderList) -> None:
        self.fields = [*replaceable, *fixed]
        self.lines = b"".join(b"%b: %b\r\n" % field for field in self.fields)
        self.replaceable = frozenset(name for name, _ in replaceable)

    def without(self, stated: Iterable[bytes]) -> HeaderList:
        """The fields but for those that an answer states."""
        gone = self.replaceable.intersection(stated)
        return [field for field in self.fields if field[0] not in gone]
