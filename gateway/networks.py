"""Sets of addresses, as settings name them: `10.0.0.0/8`, `203.0.113.7`, `2001:db8::/48`."""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Annotated, Any

from pydantic import BeforeValidator

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def address_in(text: str) -> Address | None:
    """The address that `text` is, or None; one of IPv4 in the clothes of IPv6 is of IPv4."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_within(address: Address, networks: tuple[Network, ...]) -> bool:
    """Whether one of `networks` holds `address`."""
    return any(address in network for network in networks)


def _networks(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    found, refused = [], []
    for part in filter(None, (part.strip() for part in given.split(","))):
        try:
            found.append(ip_network(part))
        except ValueError as error:
            refused.append(f"{part!r}: {_reason(error)}")
    if refused:
        raise ValueError("; ".join(refused))
    return found


def _reason(error: ValueError) -> str:
    if "host bits set" in str(error):
        return "the address has bits beyond the length of its network"
    return "neither an address nor a network such as 10.0.0.0/8"


Networks = Annotated[tuple[Network, ...], BeforeValidator(_networks)]
"""The type of a setting: networks and addresses, separated by commas."""
