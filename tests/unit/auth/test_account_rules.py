import re
import unicodedata
from pathlib import Path

import pytest

from auth_service.accounts import handles
from auth_service.accounts.breached.passwords import BreachedPasswords
from auth_service.accounts.domain import Registration, email_key
from auth_service.accounts.password_rules import CONTEXT_WORDS
from shared.errors import Invalid

BREACHED = BreachedPasswords()
PAGE = Path(__file__).parents[3] / "docs" / "accounts" / "passwords.md"


def mistakes(**changes: str) -> list[tuple[str, str]]:
    good = {"email": "mina@example.com", "handle": "mina", "password": "Correct7Horse"}
    try:
        Registration.checked(**(good | changes), breached=BREACHED)
    except Invalid as invalid:
        return [(error.field, error.message) for error in invalid.errors]
    return []


@pytest.mark.parametrize(
    "email",
    [
        "a@b.co", "first.last+tag@mail.example.co.kr", "o'neil@example.com", " mina@example.com ",
        "x" * 64 + "@example.com",
    ],
)  # fmt: skip
def test_a_good_email_address_is_taken(email: str) -> None:
    assert mistakes(email=email) == []


@pytest.mark.parametrize(
    "email",
    [
        "", "mina", "mina@", "@example.com", "mina@localhost", "mi na@example.com",
        "mina@example..com", "mi..na@example.com", ".mina@example.com", "mina.@example.com",
        "mina@-example.com", "mina@example.com\n", "mina@exa\0mple.com", "a@b@example.com",
        "x" * 65 + "@example.com", "mina@" + "a." * 200 + "com",
    ],
)  # fmt: skip
def test_a_bad_email_address_is_refused(email: str) -> None:
    found = mistakes(email=email)
    if email.strip() == "mina@example.com":
        assert found == []  # white space around it is nobody's fault
    else:
        assert [field for field, _ in found] == ["email"]


@pytest.mark.parametrize(
    "handle", ["mina", "민아입니다", "mina_7", "a.b-c", "Łukasz", "美奈子", "x" * 30]
)
def test_a_good_handle_is_taken(handle: str) -> None:
    assert mistakes(handle=handle) == []


@pytest.mark.parametrize(
    "handle",
    ["", "ab", "x" * 31, "mi na", "mina!", "@mina", "mina@example.com", "_mina", ".mina", "mina/..",
     "mi\0na", "mina😀", "mina\u202e"],
)  # fmt: skip
def test_a_bad_handle_is_refused(handle: str) -> None:
    found = mistakes(handle=handle)
    assert found
    assert {field for field, _ in found} == {"user_handle"}


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("Sh0rt", "at least 8"),
        ("lowercase7", "upper-case"),
        ("UPPERCASE7", "lower-case"),
        ("NoDigitsHere", "digit"),
        ("Password1", "known from data breaches"),
        ("QWERTY123a"[:9].title(), "known from data breaches"),
        ("Aa1" + "x" * 300, "256 characters at most"),
    ],
)
def test_each_broken_rule_of_a_password_is_named(password: str, told: str) -> None:
    assert [message for _, message in mistakes(password=password) if told in message]


def test_every_broken_rule_is_named_at_once() -> None:
    assert len(mistakes(password="")) == 4


@pytest.mark.parametrize("password", ["Correct7Horse", "비밀번호Aa1비밀", "Aa1" + "x" * 253])
def test_a_good_password_is_taken(password: str) -> None:
    assert mistakes(password=password) == []


@pytest.mark.parametrize(
    "password", ["Mina7@Example.com", "MINA7@example.com", "Ｍina7@example.com"]
)
def test_a_password_is_not_the_address_of_its_owner(password: str) -> None:
    (found,) = mistakes(email="mina7@example.com", password=password)
    assert found == ("password", "must not be your e-mail address or your handle")


def test_a_password_is_not_the_handle_of_its_owner() -> None:
    (found,) = mistakes(handle="mina.from.7th", password="Mina.from.7th")
    assert found == ("password", "must not be your e-mail address or your handle")


@pytest.mark.parametrize(
    "password",
    ["Madang2026", "Admin!2345", "MadangSupport1", "1-2-3-Support-4", "마당Madang2026",
     "Ｍadang2026", "Administrator1"],
)  # fmt: skip
def test_a_password_is_not_the_product_and_a_number(password: str) -> None:
    (found,) = mistakes(password=password)
    assert found == (
        "password",
        "must not be the name of the product or of a role, with digits or signs",
    )


def test_words_of_the_product_may_be_part_of_a_password() -> None:
    assert mistakes(password="Madang7Lanterns") == []
    assert mistakes(password="Superuser7Kite") == []


def test_the_documented_words_are_those_that_are_refused() -> None:
    written = PAGE.read_text(encoding="utf-8").partition("<!-- context words -->")[2]
    assert tuple(re.findall(r"`([^`]+)`", written.partition("\n\n")[0])) == CONTEXT_WORDS


def test_keys_are_the_same_for_what_people_take_for_the_same() -> None:
    assert email_key(" Mina@Example.COM ") == email_key("mina@example.com")
    assert handles.key("MINA") == handles.key("ｍｉｎａ") == "mina"
    composed = "민아입니다"
    assert handles.key(unicodedata.normalize("NFD", composed)) == handles.key(composed)
    assert handles.key("mina") != handles.key("mina7")


def test_a_handle_typed_in_parts_is_stored_as_whole_letters() -> None:
    typed = unicodedata.normalize("NFD", "민아입니다")
    wanted = Registration.checked("mina@example.com", typed, "Correct7Horse", BREACHED)
    assert wanted.handle == "민아입니다"
