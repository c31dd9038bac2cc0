"""Which paths lead where, and that none leads inside."""

from typing import Any

import pytest
from starlette.types import ASGIApp

from gateway.routes import RouteClass, Routes, TokenRule, owner_of
from shared.errors import NotFound


def app(name: str) -> ASGIApp:
    async def named(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError(name)

    named.__name__ = name
    return named


UPSTREAMS = {name: app(name) for name in ("auth", "content", "jobs")}
ROUTES = Routes(UPSTREAMS, {"/health": app("own"), "/": app("own")}, max_body=10, max_upload=1000)


def find(path: str, method: str = "GET", raw: bytes | None = None) -> Any:
    return ROUTES.find({"method": method, "path": path, "raw_path": raw or path.encode()})


def upstream(path: str, raw: bytes | None = None) -> str:
    name: str = find(path, raw=raw).upstream.__name__
    return name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "own"),
        ("/health", "own"),
        ("/health/", "own"),
        ("/.well-known/jwks.json", "auth"),
        ("/api/auth/login", "auth"),
        ("/api/auth/login/", "auth"),
        ("/api/users/me", "auth"),
        ("/api/videos", "content"),
        ("/api/videos/", "content"),
        ("/api/videos/1/content", "content"),
        ("/api/videos/..hidden", "content"),
        ("/api/posts/a.b", "content"),
        ("/api/jobs/1/captions.vtt", "jobs"),
        ("/api/credits/balance", "jobs"),
    ],
)
def test_a_path_leads_to_its_service(path: str, name: str) -> None:
    assert upstream(path) == name


def test_an_encoded_character_is_routed_by_its_meaning() -> None:
    assert upstream("/api/posts/한", b"/api/posts/%ED%95%9C") == "content"
    assert upstream("/api/posts/x", b"/api/p%6fsts/x") == "content"


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("/internal/revocations", None),
        ("/internal", None),
        ("/Internal/revocations", None),
        ("/internal/revocations", b"/%69nternal/revocations"),
        ("//internal/revocations", None),
        ("/api/auth//internal", None),
        ("/api/videos//", None),
        ("/api//auth/login", None),
        ("/api/auth/../../internal/revocations", None),
        ("/api/auth/../../internal/revocations", b"/api/auth/%2e%2e/%2e%2e/internal/revocations"),
        ("/api/auth/./login", None),
        ("/api/auth/..", None),
        ("/api/auth/.", None),
        ("/api/videos/../internal", b"/api/videos/..%2finternal"),
        ("/api/videos/a/b", b"/api/videos/a%2Fb"),
        ("/api/videos/a\\..\\b", b"/api/videos/a%5C..%5Cb"),
        ("/api/videos/a\x00b", b"/api/videos/a%00b"),
        ("/api/auth/login\n", b"/api/auth/login%0a"),
        ("/api/auth/login\n", b"/api/auth/login%0A"),
        ("/api/jobs\x1f", b"/api/jobs%1F"),
        ("/api/jobs\x7f", b"/api/jobs%7F"),
        ("/api/videosinternal", None),
        ("/api/video", None),
        ("/api", None),
        ("/api/", None),
        ("/apix/auth", None),
        ("/.well-known/other", None),
        ("/health/other", None),
        ("/metrics", None),
        ("api/auth/login", None),
        ("", None),
        ("//", None),
        ("*", None),
    ],
)
def test_everything_else_does_not_exist(path: str, raw: bytes | None) -> None:
    with pytest.raises(NotFound):
        find(path, raw=raw)


@pytest.mark.parametrize(
    ("method", "path", "rule"),
    [
        ("GET", "/api/posts", TokenRule.OPTIONAL),
        ("HEAD", "/api/posts/1", TokenRule.OPTIONAL),
        ("POST", "/api/posts", TokenRule.REQUIRED),
        ("POST", "/api/auth/register", TokenRule.IGNORED),
        ("POST", "/api/auth/login", TokenRule.IGNORED),
        ("POST", "/api/auth/login/", TokenRule.IGNORED),
        ("POST", "/api/users/login/", TokenRule.IGNORED),
        ("POST", "/api/auth/refresh", TokenRule.IGNORED),
        ("GET", "/api/social", TokenRule.IGNORED),
        ("GET", "/api/social/google/callback", TokenRule.IGNORED),
        ("POST", "/api/social/session", TokenRule.IGNORED),
        ("GET", "/.well-known/jwks.json", TokenRule.IGNORED),
        ("GET", "/health", TokenRule.IGNORED),
        ("GET", "/api/auth/login", TokenRule.REQUIRED),
        ("GET", "/api/auth/me", TokenRule.REQUIRED),
        ("POST", "/api/auth/logout", TokenRule.REQUIRED),
        ("POST", "/api/auth/login/x", TokenRule.REQUIRED),
        ("GET", "/api/videos", TokenRule.REQUIRED),
        ("POST", "/api/jobs", TokenRule.REQUIRED),
        ("OPTIONS", "/api/uploads", TokenRule.IGNORED),
        ("OPTIONS", "/api/uploads/1", TokenRule.IGNORED),
        ("PATCH", "/api/uploads/1", TokenRule.REQUIRED),
        ("HEAD", "/api/uploads/1", TokenRule.REQUIRED),
    ],
)
def test_a_token_is_needed_except_where_the_table_says_not(
    method: str, path: str, rule: TokenRule
) -> None:
    assert find(path, method).token is rule


@pytest.mark.parametrize(
    "path", ["/.well-known/jwks.json", "/api/auth/pages/reset-password", "/api/posts", "/api/jobs"]
)
def test_a_head_needs_a_token_where_a_get_does(path: str) -> None:
    assert find(path, "HEAD").token is find(path, "GET").token


def test_only_what_carries_a_file_may_be_large() -> None:
    assert find("/api/videos", "POST").max_body > 1000
    assert find("/api/videos/", "POST").max_body > 1000
    assert find("/api/videos/1", "POST").max_body == 10
    assert find("/api/uploads", "POST").max_body > 1000
    assert find("/api/uploads/1", "PATCH").max_body > 1000
    assert find("/api/uploads/1/", "POST").max_body > 1000
    assert find("/api/uploads/1", "PUT").max_body == 10
    assert find("/api/posts", "POST").max_body == 10
    assert find("/api/captions/1", "PUT").max_body > 4_000_000
    assert find("/api/captions/import", "POST").max_body > 4_000_000
    assert find("/api/captions/1/cues/1", "PATCH").max_body == 10


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/api/auth/login", RouteClass.LOGIN),
        ("POST", "/api/social/session", RouteClass.LOGIN),
        ("GET", "/api/social/google/start", RouteClass.REST),
        ("POST", "/api/users/login/", RouteClass.LOGIN),
        ("POST", "/api/auth/register", RouteClass.REGISTER),
        ("POST", "/api/auth/refresh", RouteClass.REST),
        ("POST", "/api/videos", RouteClass.UPLOAD),
        ("POST", "/api/uploads", RouteClass.UPLOAD),
        ("PATCH", "/api/uploads/1", RouteClass.REST),
        ("POST", "/api/jobs", RouteClass.GENERATE),
        ("GET", "/api/jobs", RouteClass.REST),
        ("GET", "/health", RouteClass.PROBE),
        ("GET", "/", RouteClass.REST),
    ],
)
def test_a_call_belongs_to_a_class_of_limits(method: str, path: str, expected: RouteClass) -> None:
    assert find(path, method).limit is expected


def test_only_public_reads_are_cached() -> None:
    assert find("/api/posts/1").cached
    assert find("/api/search").cached
    assert not find("/api/posts", "POST").cached
    assert not find("/api/videos").cached
    assert not find("/health").cached


def test_a_documented_path_belongs_to_the_service_it_is_routed_to() -> None:
    assert owner_of("/api/videos/{video_id}") == "content"
    assert owner_of("/internal/videos/{video_id}/content") is None
    assert owner_of("/health") is None
