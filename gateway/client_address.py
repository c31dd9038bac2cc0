"""Where a request comes from: the address that limits and logs use, and the client's scheme.

A proxy in front of the gateway says so in `X-Forwarded-For` and `X-Forwarded-Proto`, and so can
anybody. Only what a named proxy says is believed, and of the list only what named proxies have
added, which is its right end.
"""

from functools import lru_cache

from starlette.types import Scope

from gateway.headers import Fields
from gateway.networks import Address, Network, address_in, is_within
from shared.observability.logging import get_logger

log = get_logger(__name__)

_FOR, _PROTO = b"x-forwarded-for", b"x-forwarded-proto"
_SCHEMES = frozenset({"http", "https"})
_REMEMBERED = 4096
_MAX_REMEMBERED_BYTES = 256


class ClientAddresses:
    """Knows which proxies to believe; with none, the peer of the connection is the client."""

    def __init__(self, trusted: tuple[Network, ...] = ()) -> None:
        self._trusted = trusted
        self._remembered = lru_cache(_REMEMBERED)(self._resolve)
        self._has_warned = False

    def of(self, scope: Scope, fields: Fields) -> tuple[str, str]:
        """The client's address, `""` where there is none to know, and the scheme it speaks."""
        client = scope["client"]
        peer: str = client[0] if client else ""
        if _FOR not in fields and _PROTO not in fields:
            return peer, scope["scheme"]
        if not self._trusted:
            self._warn_once(peer)
            return peer, scope["scheme"]
        forwarded = fields.get(_FOR, b"")
        if len(fields) != len(scope["headers"]):  # a field is repeated
            forwarded = b",".join(value for name, value in scope["headers"] if name == _FOR)
        proto = fields.get(_PROTO, b"")
        is_short = len(forwarded) + len(proto) <= _MAX_REMEMBERED_BYTES
        resolve = self._remembered if is_short else self._resolve
        return resolve(peer, scope["scheme"], forwarded, proto)

    def _resolve(self, peer: str, scheme: str, forwarded: bytes, proto: bytes) -> tuple[str, str]:
        address = address_in(peer)
        if address is None or not is_within(address, self._trusted):
            return peer, scheme
        said = proto.decode("latin-1").rpartition(",")[2].strip().lower()
        client = self._first_stranger(address, forwarded.decode("latin-1"))
        return str(client), said if said in _SCHEMES else scheme

    def _first_stranger(self, last: Address, forwarded: str) -> Address:
        """From the right: the first that is no proxy of ours, or the last that could be read."""
        while forwarded:
            forwarded, _, entry = forwarded.rpartition(",")
            address = _address_of(entry.strip())
            if address is None:
                break
            last = address
            if not is_within(address, self._trusted):
                break
        return last

    def _warn_once(self, peer: str) -> None:
        """Behind a proxy that is not named, all clients look like one and share its limits."""
        address = None if self._has_warned else address_in(peer)
        if address is not None and address.is_private:
            self._has_warned = True
            log.warning(
                "forwarded_address_not_believed",
                peer=peer,
                remedy="if this is your proxy, name it in TRUSTED_PROXIES",
            )


def _address_of(entry: str) -> Address | None:
    """An entry of the list; some proxies add a port: `192.0.2.1:4711`, `[2001:db8::1]:4711`."""
    if entry.startswith("["):
        entry = entry[1:].partition("]")[0]
    elif entry.count(":") == 1:
        entry = entry.partition(":")[0]
    return address_in(entry)
