"""Whose address a request is counted under, and that nobody can choose it."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.client_address import ClientAddresses
from gateway.settings import DoorSettings
from shared.settings import BadSettings, load

PROXY, CLIENT, STRANGER = "10.0.0.1", "203.0.113.7", "198.51.100.9"
NAMED = "10.0.0.0/8, 192.0.2.1, 2001:db8:ffff::/48"


def addresses(trusted: str = NAMED) -> ClientAddresses:
    return ClientAddresses(load(DoorSettings, trusted_proxies=trusted).trusted_proxies)


def seen(
    peer: str | None, *forwarded: str, proto: str | None = None, trusted: str = NAMED
) -> tuple[str, str]:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    if proto is not None:
        headers.append((b"x-forwarded-proto", proto.encode()))
    scope: dict[str, Any] = {
        "client": None if peer is None else (peer, 4711),
        "scheme": "http",
        "headers": headers,
    }
    return addresses(trusted).of(scope, dict(headers))


def address(peer: str | None, *forwarded: str, trusted: str = NAMED) -> str:
    return seen(peer, *forwarded, trusted=trusted)[0]


def test_without_named_proxies_the_peer_is_the_client_whatever_it_says() -> None:
    assert seen(CLIENT, STRANGER, proto="https", trusted="") == (CLIENT, "http")


def test_a_stranger_cannot_choose_an_address() -> None:
    assert seen(STRANGER, CLIENT, proto="https") == (STRANGER, "http")


def test_a_named_proxy_is_believed() -> None:
    assert seen(PROXY, CLIENT, proto="https") == (CLIENT, "https")


def test_what_a_client_has_put_before_the_entry_of_the_proxy_is_not_believed() -> None:
    assert address(PROXY, f"1.1.1.1, {PROXY}, {CLIENT}") == CLIENT


def test_named_proxies_are_passed_over_from_the_right() -> None:
    assert address(PROXY, f"{STRANGER}, {CLIENT}, 10.9.9.9,192.0.2.1") == CLIENT


def test_a_request_of_a_proxy_itself_comes_from_the_farthest_one() -> None:
    assert address(PROXY, "10.9.9.9, 192.0.2.1") == "10.9.9.9"
    assert address(PROXY) == PROXY


def test_a_field_that_comes_more_than_once_is_read_as_one() -> None:
    assert address(PROXY, "1.1.1.1", f"{CLIENT}, 10.9.9.9", "192.0.2.1") == CLIENT


@pytest.mark.parametrize("wrong", ["unknown", "", "1.2.3", "1.2.3.4.5", "_hidden", "\xff", "::g"])
def test_from_an_entry_that_is_no_address_on_nothing_is_believed(wrong: str) -> None:
    assert address(PROXY, f"{STRANGER}, {wrong}, 10.9.9.9") == "10.9.9.9"
    assert address(PROXY, wrong) == PROXY


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("203.0.113.7:4711", CLIENT),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::ffff:203.0.113.7", CLIENT),
        (f"  {CLIENT}  ", CLIENT),
    ],
)
def test_an_address_is_read_however_a_proxy_writes_it(entry: str, expected: str) -> None:
    assert address(PROXY, entry) == expected


@pytest.mark.parametrize("peer", ["::ffff:10.0.0.1", "2001:db8:ffff::5"])
def test_a_proxy_is_known_by_either_family_of_addresses(peer: str) -> None:
    assert address(peer, CLIENT) == CLIENT


@pytest.mark.parametrize(
    ("proto", "scheme"),
    [
        ("https", "https"),
        ("HTTPS", "https"),
        ("http, https", "https"),
        ("https, http", "http"),
        ("gopher", "http"),
        ("", "http"),
    ],
)
def test_the_scheme_is_what_the_nearest_proxy_says_of_it(proto: str, scheme: str) -> None:
    assert seen(PROXY, CLIENT, proto=proto)[1] == scheme


def test_a_peer_without_an_address_has_none() -> None:
    assert seen(None, CLIENT) == ("", "http")


def test_an_answer_is_remembered_and_a_long_list_is_not() -> None:
    known = addresses()
    for forwarded in (CLIENT, ", ".join([STRANGER] * 1000 + [CLIENT])):
        headers = [(b"x-forwarded-for", forwarded.encode())]
        scope: dict[str, Any] = {"client": (PROXY, 1), "scheme": "http", "headers": headers}
        for _ in range(3):
            assert known.of(scope, dict(headers))[0] == CLIENT
    found = known._remembered.cache_info()
    assert (found.hits, found.currsize) == (2, 1)


def test_a_proxy_that_is_not_named_is_told_of_once() -> None:
    known = addresses("")
    headers = [(b"x-forwarded-for", CLIENT.encode())]
    with capture_logs() as logs:
        for peer in ("1.1.1.1", PROXY, PROXY):
            known.of({"client": (peer, 1), "scheme": "http", "headers": headers}, dict(headers))
    assert [(one["event"], one["peer"]) for one in logs] == [
        ("forwarded_address_not_believed", PROXY)
    ]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("proxy.internal", "'proxy.internal': neither an address nor a network"),
        ("10.0.0.0/33", "'10.0.0.0/33': neither"),
        ("10.0.0.1/8", "'10.0.0.1/8': the address has bits beyond"),
    ],
)
def test_a_proxy_that_is_no_address_is_refused(given: str, reason: str) -> None:
    with pytest.raises(BadSettings, match=f"^TRUSTED_PROXIES: {reason}") as refused:
        addresses(f"192.0.2.1,{given}")
    assert "192.0.2.1" not in str(refused.value)
