"""The stored answers, bounded in bytes; those that nobody has asked for the longest go first."""

from collections import OrderedDict
from dataclasses import dataclass

from gateway.cache.entry import Entry
from gateway.cache.key import Key, varied
from gateway.headers import Fields

_BYTES_OF_A_SIGNPOST = 400


@dataclass(frozen=True, slots=True)
class _Signpost:
    """Stands where an answer varies, and tells by which fields of the request."""

    names: tuple[bytes, ...]
    expires_at: float
    size: int = _BYTES_OF_A_SIGNPOST


class Store:
    """Entries by key; `bytes` is what they take."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._items: OrderedDict[Key, Entry | _Signpost] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def find(self, key: Key, fields: Fields, now: float) -> Entry | None:
        """The entry for a request with this key and these fields, unless it has expired."""
        items = self._items
        found = items.get(key)
        if type(found) is _Signpost:
            items.move_to_end(key)
            key = varied(key, found.names, fields)
            found = items.get(key)
        if type(found) is not Entry or found.expires_at <= now:
            return None
        items.move_to_end(key)
        return found

    def put(self, key: Key, entry: Entry, now: float) -> None:
        """Keep `entry`, which was made for a request with this key."""
        if entry.varies:
            self._put(key, _Signpost(entry.varies, entry.expires_at))
        self._put(entry.key, entry)
        while self.bytes > self._max_bytes or self._is_first_expired(now):
            _, oldest = self._items.popitem(last=False)
            self.bytes -= oldest.size

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self.bytes = 0

    def _put(self, key: Key, item: Entry | _Signpost) -> None:
        replaced = self._items.pop(key, None)
        self._items[key] = item
        self.bytes += item.size - (replaced.size if replaced is not None else 0)

    def _is_first_expired(self, now: float) -> bool:
        first = next(iter(self._items.values()), None)
        return first is not None and first.expires_at <= now
