"""Where browsers may be sent, and what somebody is called who has not chosen a handle."""

from itertools import islice

import pytest

from auth_service.accounts import handles
from auth_service.social.domain import Answer, Profile, plain_name, provider_error
from auth_service.social.redirects import MAX_URL, Redirects
from auth_service.social.suggestions import suggestions
from shared.errors import Invalid

REDIRECTS = Redirects(("https://app.example", "http://127.0.0.1:8000/madang"))


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example",
        "https://app.example/welcome?tab=1&x=%23",
        "https://APP.example/",
        "http://127.0.0.1:8000/api/auth/pages",
    ],
)
def test_pages_of_ours_may_be_come_back_to(url: str) -> None:
    assert REDIRECTS.check(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/welcome",
        "//app.example/",
        "https:app.example",
        "javascript:alert(1)",
        "https://evil.example/",
        "https://app.example.evil.example/",
        "https://evil.example/https://app.example/",
        "https://app.example@evil.example/",
        "https://app.example:@evil.example/",
        "https://app.example\\@evil.example/",
        "https://app.example\\.evil.example/",
        "http://app.example/",
        "https://app.example:444/",
        "https://app.example:port/",
        "https://app.example/#here",
        "https://app.example/ü",
        "https://app.example/ x",
        "https://app.example/\tx",
        "https://app.example/\r\nx",
        "\thttps://app.example/",
        "https://app.example\u3002evil.example/",
        "https://[::1",
        "https://app.example/" + "x" * MAX_URL,
    ],
)
def test_no_other_page_may(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        REDIRECTS.check(url)
    assert caught.value.errors[0].field == "redirect_to"


@pytest.mark.parametrize(
    ("profile", "handle"),
    [
        (Profile("1", handle="Octo-Cat"), "octo-cat"),
        (Profile("1", email="mina.kim+news@example.com"), "mina.kim"),
        (Profile("1", name="Mina Kim"), "mina-kim"),
        (Profile("1", name="카카오 친구"), "카카오-친구"),
        (Profile("1", handle="admin", name="Mina"), "mina"),
        (Profile("1", handle="x", email="ab@example.com", name="!?"), "member"),
        (Profile("1", handle="guest-1234"), "member"),
        (Profile("1", handle="p\u0430ypal"), "member"),
        (Profile("1", handle="._-dots-_."), "dots"),
        (Profile("1", handle="x" * 100), "x" * 24),
        (Profile("1"), "member"),
    ],
)
def test_a_handle_is_made_of_what_the_provider_says(profile: Profile, handle: str) -> None:
    assert next(suggestions(profile)) == handle


def test_every_suggestion_is_a_handle_and_another_one() -> None:
    found = list(suggestions(Profile("1", handle="x" * 100)))
    assert len(set(found)) == len(found) > 20
    assert not any(list(handles.mistakes(one)) for one in found)


def test_numbers_come_in_order() -> None:
    assert list(islice(suggestions(Profile("1", handle="mina")), 3)) == ["mina", "mina2", "mina3"]


def test_a_name_is_one_line_of_what_can_be_printed() -> None:
    assert plain_name("  Mina\n\tKim\u200b\x00 ") == "Mina Kim"


@pytest.mark.parametrize("error", ["<script>", "a" * 65, "Access Denied", "x\ny"])
def test_a_strange_error_is_given_a_name_of_ours(error: str) -> None:
    assert provider_error(Answer(error=error))["error"] == "provider_error"


def test_a_description_is_kept_short() -> None:
    told = provider_error(Answer(error="access_denied", error_description="x" * 999))
    assert told == {"error": "access_denied", "error_description": "x" * 200}
