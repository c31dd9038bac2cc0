"""Which answers may be repeated, and for how long."""

import pytest

from gateway.cache.terms import MAX_BODY_BYTES, Terms, terms_of
from gateway.headers import HeaderList

LENGTH = (b"content-length", b"2")


def seconds(*controls: bytes) -> float | None:
    headers = [LENGTH, *((b"cache-control", control) for control in controls)]
    found = terms_of(200, headers, 5.0)
    return None if found is None else found.seconds


def test_an_answer_that_says_nothing_may_be_repeated_for_as_long_as_any() -> None:
    assert terms_of(200, [LENGTH], 5.0) == Terms(5.0, 2, ())


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        (b"public", 5.0),
        (b"max-age=3", 3.0),
        (b"max-age=3600", 5.0),
        (b"max-age=0, s-maxage=4", 4.0),
        (b"s-maxage=0, max-age=60", None),
        (b"Max-Age=2", 2.0),
        (b'max-age="2"', 2.0),
        (b"max-age=0, must-revalidate", None),
        (b"max-age=soon", None),
        (b"max-age=-1", None),
        (b"max-age", None),
        (b"private", None),
        (b"Private, max-age=60", None),
        (b'private="set-cookie", max-age=60', None),
        (b"no-store", None),
        (b"no-cache", None),
        (b'no-cache="x", max-age=60', None),
        (b"max-age=60,,no-store", None),
    ],
)
def test_the_upstream_says_for_how_long_and_the_setting_bounds_it(
    control: bytes, expected: float | None
) -> None:
    assert seconds(control) == expected


def test_what_is_said_in_several_fields_counts_as_said_in_one() -> None:
    assert seconds(b"max-age=60", b"private") is None


@pytest.mark.parametrize("status", [201, 204, 206, 301, 304, 404, 500, 503])
def test_only_whole_good_answers_are_repeated(status: int) -> None:
    assert terms_of(status, [LENGTH], 5.0) is None


@pytest.mark.parametrize(
    "headers",
    [
        [LENGTH, (b"set-cookie", b"session=1")],
        [LENGTH, (b"age", b"10")],
        [LENGTH, (b"expires", b"Thu, 01 Jan 1970 00:00:00 GMT")],
        [LENGTH, (b"vary", b"*")],
        [LENGTH, (b"vary", b"Origin"), (b"vary", b"User-Agent")],
        [(b"content-length", b"%d" % (MAX_BODY_BYTES + 1))],
        [(b"content-length", b"two")],
        [LENGTH, LENGTH],
        [(b"transfer-encoding", b"chunked")],
        [(b"content-type", b"text/event-stream")],
        [],
    ],
)
def test_what_is_for_one_client_or_too_large_or_without_an_end_is_not_repeated(
    headers: HeaderList,
) -> None:
    assert terms_of(200, headers, 5.0) is None


def test_an_answer_varies_by_fields_in_any_order_and_case() -> None:
    vary = [(b"vary", b"Origin, accept-LANGUAGE"), (b"vary", b"Authorization")]
    found = terms_of(200, [LENGTH, *vary], 5.0)
    assert found is not None
    assert found.varies == (b"accept-language", b"authorization", b"origin")
