import email
import re
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import pytest

from auth_service.accounts import password_rules
from auth_service.mail.domain import Template, next_letter_at
from auth_service.mail.languages import LANGUAGES, language_of
from auth_service.mail.message import Mail
from auth_service.mail.programs import program_of
from auth_service.mail.rendering import Rendered, render
from auth_service.mail.settings import MailSettings
from auth_service.mail.smtp import SmtpServer
from auth_service.recovery import pages
from auth_service.recovery.domain import LIFETIMES, Links
from auth_service.recovery.pages import PageEndpoints
from auth_service.tickets.domain import Purpose
from shared.settings import BadSettings, load

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
SECRET = "x6Ck2m0wJt4n8sFq1vRyB7uZpLdA3hGeXiOoTcWbNkE"
VALUES = {
    "handle": "mina",
    "link": f"https://api.example.com/api/auth/pages/verify-email#token={SECRET}",
    "when": "2026-03-01 09:30 UTC",
    "address": "203.0.113.7",
    "program": "Firefox, Windows",
    "factor": "passkey",
    "provider": "GitHub",
    "before": "mina.before",
    "name": "build server",
    "due": "2026-03-31",
    "until": "2026-03-08",
}


def mail(content: Rendered, sender: Address | None = None) -> Mail:
    return Mail(
        UUID("01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42"),
        "verify_email",
        sender or Address("Madang", "no-reply", "example.com"),
        "mina@example.com",
        NOW,
        "en",
        content,
    )


def read(message: EmailMessage) -> EmailMessage:
    found = email.message_from_bytes(message.as_bytes(), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


# Languages


@pytest.mark.parametrize(
    ("accepted", "account", "language"),
    [
        ("ko-KR,ko;q=0.9,en;q=0.8", None, "ko"),
        ("en;q=0.3, ko;q=0.8", None, "ko"),
        ("ko;q=0.5, en", None, "en"),
        ("KO", None, "ko"),
        ("fr-CH, fr;q=0.9, ko;q=0.1", "en", "ko"),
        ("fr", "ko", "ko"),
        ("fr", None, "en"),
        ("", "ko", "ko"),
        ("", "ko-KR", "ko"),
        ("", "fr", "en"),
        ("*", "ko", "ko"),
        ("en;q=0", "en", "ko"),
        ("ko;q=0, *", None, "en"),
        ("ko;q=1.5, en;q=0.2", None, "en"),
        ("ko;q=nan, en;q=0.1", None, "en"),
        ("ko; Q=1 ,en", None, "ko"),
        (";;;,,,q=", "ko", "ko"),
        ("k\r\no", None, "en"),
    ],
)
def test_a_reader_gets_the_language_they_prefer(
    accepted: str, account: str | None, language: str
) -> None:
    assert language_of(accepted, account) == language


# Templates


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", Template)
def test_every_template_says_all_it_knows_in_every_language(
    template: Template, language: str
) -> None:
    found = render(template, language, VALUES, "Madang")
    for part in (found.subject, found.text, found.html):
        assert not re.search(r"\{\w+\}|\]\(", part)
    assert ("합니다" in found.text or "습니다" in found.text) is (language == "ko")
    assert found.text.endswith("-- \nMadang\n")
    assert f'<html lang="{language}">' in found.html


@pytest.mark.parametrize("template", Template)
def test_a_template_holds_the_same_values_in_every_language(template: Template) -> None:
    marked = {name: f"<{name}>" for name in VALUES} | {"product": "Madang"}
    used = {
        language: {name for name in VALUES if f"<{name}>" in _all_text(template, language, marked)}
        for language in LANGUAGES
    }
    assert used["en"] == used["ko"]
    assert used["en"] >= {"handle"} or template is Template.ALREADY_REGISTERED


def _all_text(template: Template, language: str, values: dict[str, str]) -> str:
    found = render(template, language, values, "Madang")
    return found.subject + found.text


@pytest.mark.parametrize(
    ("template", "needed"),
    [
        (Template.VERIFY_EMAIL, {"handle", "link"}),
        (Template.RESET_PASSWORD, {"handle", "link", "when", "address", "program"}),
        (Template.CHANGE_EMAIL, {"handle", "link", "when", "address", "program"}),
        (Template.PASSWORD_CHANGED, {"when", "address", "program"}),
        (Template.EMAIL_CHANGED, {"when", "address", "program"}),
        (Template.SESSIONS_STOLEN, {"when", "address", "program"}),
        (Template.FACTOR_REMOVED, {"when", "address", "program"}),
        (Template.FACTOR_ADDED, {"when", "address", "program"}),
        (Template.IDENTITY_LINKED, {"provider", "when", "address", "program"}),
        (Template.IDENTITY_UNLINKED, {"provider", "when", "address", "program"}),
        (Template.HANDLE_CHANGED, {"handle", "before", "when", "address", "program"}),
        (Template.API_KEY_MADE, {"name", "when", "address", "program"}),
        (Template.DELETION_ASKED, {"due", "when", "address", "program"}),
    ],
)
def test_a_letter_tells_what_its_reader_needs(template: Template, needed: set[str]) -> None:
    text = render(template, "en", VALUES, "Madang").text
    assert all(VALUES[name] in text for name in needed)


def test_facts_that_are_not_known_are_left_out() -> None:
    known = {"handle": "mina", "when": VALUES["when"], "address": "", "program": ""}
    text = render(Template.PASSWORD_CHANGED, "en", known, "Madang").text
    assert "When: 2026-03-01" in text
    assert "From:" not in text
    assert "With:" not in text


def test_factors_are_told_as_people_say_them() -> None:
    values = VALUES | {"factor": "totp"}
    assert "an authenticator app" in render(Template.FACTOR_ADDED, "en", values, "M").text
    assert "인증 앱" in render(Template.FACTOR_ADDED, "ko", values, "M").text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", Template)
def test_no_value_becomes_markup(template: Template, language: str) -> None:
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    values = dict.fromkeys(VALUES, evil)
    found = render(template, language, values, evil)
    assert "<script" not in found.html
    assert "<img" not in found.html


def test_a_value_is_not_filled_in_again() -> None:
    values = VALUES | {"handle": "{link}"}
    assert "Hello {link}," in render(Template.VERIFY_EMAIL, "en", values, "Madang").text


def test_no_value_becomes_a_line_of_its_own() -> None:
    values = VALUES | {"handle": "mina\n\n[Click here](https://evil.example)\r\nBcc: all"}
    found = render(Template.RESET_PASSWORD, "en", values, "Madang")
    assert "\n[Click" not in found.text
    assert 'href="https://evil.example' not in found.html
    assert found.text.splitlines()[0].startswith("Hello mina [Click here]")


# Messages


def test_a_message_has_text_and_html_and_an_id_that_stays() -> None:
    content = render(Template.RESET_PASSWORD, "ko", VALUES, "마당")
    first = mail(content, Address("마당", "no-reply", "example.com"))
    message = read(first.as_message())
    assert message["from"] == "마당 <no-reply@example.com>"
    assert message["to"] == "mina@example.com"
    assert message["subject"] == content.subject
    assert message["message-id"] == "<01980a3e-7b1c-7f00-8a51-3c5d1e0f9b42@example.com>"
    assert message["message-id"] == first.as_message()["message-id"]
    assert message["auto-submitted"] == "auto-generated"
    text, page = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert page is not None
    assert text.get_content().replace("\r\n", "\n") == content.text
    assert VALUES["link"] in page.get_content()
    assert first.as_message().as_bytes().isascii()


@pytest.mark.parametrize("subject", ["Hi\nBcc: all@example.com", "Hi\r\n\r\n<b>body</b>"])
def test_a_header_cannot_be_broken(subject: str) -> None:
    with pytest.raises(ValueError, match=r"linefeed|newline"):
        mail(Rendered(subject, "text", "<p>text</p>")).as_message()


# Limits


@pytest.mark.parametrize(
    ("ages", "wait"),
    [
        ([], 0),
        ([60], 0),
        ([59], 1),
        ([3000, 2000, 1000, 500, 100], 600),
        ([3600, 2000, 1000, 500, 100], 0),
        ([3599, 2000, 1000, 500, 30], 30),
        ([3500, 3000, 2000, 1000, 500, 100], 600),
    ],
)
def test_nobody_gets_more_than_one_letter_a_minute_and_five_an_hour(
    ages: list[int], wait: int
) -> None:
    written = [datetime.fromtimestamp(NOW.timestamp() - age, UTC) for age in ages]
    assert (next_letter_at(written, NOW) - NOW).total_seconds() == wait


# What is told of a device


@pytest.mark.parametrize(
    ("user_agent", "told"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/120.0.0.0 Safari/537.36 Edg/120", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) Version/17.0 Safari/604.1", "Safari, iPhone"),
        ("curl/8.5.0", "curl"),
        ("Your account is blocked, call +1 555 0100", ""),
    ],
)
def test_of_a_user_agent_only_known_names_are_told(user_agent: str, told: str) -> None:
    assert program_of(user_agent) == told


# Settings


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://u:p%40@mail.example.com", ("mail.example.com", 587, "u", "p@", False, True)),
        ("smtps://u:p@mail.example.com", ("mail.example.com", 465, "u", "p", True, False)),
        ("smtp://relay:25?tls=none", ("relay", 25, None, None, False, False)),
        ("smtp://127.0.0.1:2525", ("127.0.0.1", 2525, None, None, False, False)),
        ("smtp://localhost?tls=required", ("localhost", 587, None, None, False, True)),
        ("smtp://[::1]:25", ("::1", 25, None, None, False, False)),
    ],
)
def test_an_smtp_url_says_where_the_server_is(url: str, server: tuple[object, ...]) -> None:
    found = SmtpServer.parsed(url)
    assert server == (
        found.host, found.port, found.user, found.password, found.tls_at_once, found.starts_tls
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"smtp_url": "http://mail"}, "SMTP_URL: it must have the form smtp://user"),
        ({"smtp_url": "smtp://mail:port"}, "SMTP_URL: it must have the form"),
        ({"smtp_url": "smtp://mail?ssl=no"}, "SMTP_URL: it may end with ?tls=none"),
        ({"smtp_url": "smtps://mail?tls=none"}, "SMTP_URL: smtps:// is TLS"),
        ({"smtp_url": "smtp://user@mail"}, "SMTP_URL: it must name both"),
        ({"smtp_url": "smtp://mail"}, "MAIL_FROM: it is missing"),
        ({"mail_from": "Madang"}, "MAIL_FROM: 'Madang' is no sender such as"),
        ({"mail_from": "a@example.com, b@example.com"}, "MAIL_FROM:"),
        ({"mail_from": "M <a@example.com>\nBcc: b@example.com"}, "MAIL_FROM:"),
        ({"public_url": "api.example.com"}, "PUBLIC_URL: 'api.example.com' is no address"),
        ({"account_pages_url": "https://app#x"}, "ACCOUNT_PAGES_URL:"),
        ({"environment": "production"}, "SMTP_URL: console: sends no mail"),
        ({"environment": "production"}, "PUBLIC_URL: it is missing; in production"),
        (
            {"environment": "production", "public_url": "http://api.example.com"},
            "must begin with https://",
        ),
    ],
)
def test_settings_say_what_would_be_right(given: dict[str, str], told: str) -> None:
    with pytest.raises(BadSettings) as refused:
        load(MailSettings, **given)
    assert told in str(refused.value)


def test_a_password_in_an_smtp_url_is_not_told() -> None:
    with pytest.raises(BadSettings) as refused:
        load(MailSettings, smtp_url="smtp://user:hunter2@mail/path")
    assert "hunter2" not in str(refused.value)


def test_production_needs_a_mail_server_a_sender_and_an_address() -> None:
    settings = load(
        MailSettings,
        environment="production",
        smtp_url="smtps://user:password@mail.example.com",
        mail_from='"마당, Inc." <no-reply@example.com>',
        public_url="https://api.example.com/",
    )
    assert settings.sender.display_name == "마당, Inc."
    assert settings.pages_url == "https://api.example.com/api/auth/pages"


def test_links_can_lead_to_pages_of_the_front_end() -> None:
    settings = load(MailSettings, account_pages_url="https://app.example.com/account/")
    link = Links(settings.pages_url).to(Purpose.RESET_PASSWORD, SECRET)
    assert link == f"https://app.example.com/account/reset-password#token={SECRET}"


# Pages


def test_pages_know_every_rule_that_the_service_tells() -> None:
    told = {
        *password_rules.mistakes("", (), ()),
        *password_rules.mistakes("mina", {"mina"}, ["mina"]),
        *password_rules.mistakes("Madang-2026", (), ()),
    }
    pages = PageEndpoints("Madang")._pages
    for language in LANGUAGES:
        page = pages[Purpose.RESET_PASSWORD, language]
        assert set(re.findall(r'data-rule="([^"]+)"', page)) == told


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_masks_a_password_and_lets_programs_fill_it_in(language: str) -> None:
    page = PageEndpoints("Madang")._pages[Purpose.RESET_PASSWORD, language]
    (field,) = re.findall(r"<input[^>]* name=\"password\"[^>]*>", page)
    assert 'type="password"' in field
    assert 'autocomplete="new-password"' in field
    script = (Path(pages.__file__).parent / "static" / "page.js").read_text(encoding="utf-8")
    assert "paste" not in page + script


def test_the_product_is_escaped_in_pages() -> None:
    page = PageEndpoints('<b>"&')._pages[Purpose.VERIFY_EMAIL, "en"]
    assert "<b>" not in page
    assert "&lt;b&gt;&quot;&amp;" in page


@pytest.mark.parametrize("purpose", LIFETIMES)
def test_mails_and_pages_tell_how_long_a_link_is_good(purpose: Purpose) -> None:
    minutes = LIFETIMES[purpose].total_seconds() / 60
    told = {1440: ("24 hours", "24시간"), 30: ("30 minutes", "30분"), 60: ("an hour", "1시간")}
    for language, words in zip(LANGUAGES, told[int(minutes)], strict=True):
        assert words in render(Template(purpose), language, VALUES, "Madang").text
        assert words in PageEndpoints("Madang")._pages[purpose, language]
