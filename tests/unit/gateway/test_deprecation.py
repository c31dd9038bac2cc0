"""The end of a path: how it is set, and how it is announced."""

import json
from typing import Any

import pytest

from gateway.routes import RouteClass, Routes
from gateway.settings import DoorSettings
from shared.settings import BadSettings, load
from tests.support.gateway import MAX_BODY, MAX_UPLOAD, everywhere
from tests.unit.gateway.client import echo

ALIAS = "/api/users/login"
ENDING = {"since": "2026-12-01", "sunset": "2027-06-01", "successor": "/api/auth/login"}


def settings(entries: Any) -> DoorSettings:
    return load(DoorSettings, deprecated_aliases=json.dumps(entries))


def routes(entries: Any) -> Routes:
    return Routes(
        everywhere(echo),
        {},
        max_body=MAX_BODY,
        max_upload=MAX_UPLOAD,
        deprecations=settings(entries).deprecated_aliases,
    )


def headers_of(found: Routes, path: str, method: str = "POST") -> dict[bytes, bytes]:
    route = found.find({"method": method, "path": path, "raw_path": path.encode()})
    return dict(route.headers)


def test_nothing_is_deprecated_unless_it_is_set() -> None:
    assert load(DoorSettings).deprecated_aliases == {}
    assert headers_of(routes({}), ALIAS) == {}


@pytest.mark.parametrize("path", [ALIAS, ALIAS + "/"])
def test_a_route_carries_the_end_of_its_path(path: str) -> None:
    assert headers_of(routes({ALIAS: ENDING}), path) == {
        b"deprecation": b"@1796083200",
        b"sunset": b"Tue, 01 Jun 2027 00:00:00 GMT",
        b"link": b'</api/auth/login>; rel="successor-version"',
    }


def test_other_routes_carry_nothing() -> None:
    assert headers_of(routes({ALIAS: ENDING}), "/api/auth/login") == {}
    assert headers_of(routes({ALIAS: ENDING}), "/api/users/profile", "GET") == {}


def test_a_path_without_an_end_says_only_since_when() -> None:
    assert headers_of(routes({ALIAS: {"since": "2026-12-01"}}), ALIAS).keys() == {b"deprecation"}


def test_the_rules_of_a_route_stay() -> None:
    found = routes({ALIAS: ENDING})
    route = found.find({"method": "POST", "path": ALIAS, "raw_path": ALIAS.encode()})
    assert route.limit is RouteClass.LOGIN


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({"/api/user/login": ENDING}, "'/api/user/login': only a whole path of the API"),
        ({"/api/jobs/{job_id}": ENDING}, "without parameters"),
        ({ALIAS: {**ENDING, "since": "soon"}}, "'/api/users/login': .*since"),
        ({ALIAS: {"sunset": "2027-06-01"}}, "since"),
        ({ALIAS: {**ENDING, "sunset": "2026-06-01"}}, "sunset is before since"),
        ({ALIAS: {**ENDING, "successor": "/api/login"}}, "'/api/login' is no path of the API"),
        ({ALIAS: {**ENDING, "until": "2027-06-01"}}, "until"),
        ([ALIAS], "no JSON object of paths"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(entries: Any, reason: str) -> None:
    with pytest.raises(BadSettings, match=f"DEPRECATED_ALIASES.*{reason}"):
        settings(entries)


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(BadSettings) as caught:
        settings({"/api/nowhere": ENDING, ALIAS: {}})
    assert "/api/nowhere" in str(caught.value)
    assert ALIAS in str(caught.value)
