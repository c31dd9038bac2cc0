"""Which URLs can be given, as far as their text tells."""

import pytest

from jobs_service.webhooks.urls import UrlRules

PRODUCTION = UrlRules(secure=True, private=False)
DEVELOPMENT = UrlRules(secure=False, private=False)
AT_HOME = UrlRules(secure=False, private=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example/hooks",
        "https://app.example:8443/hooks?key=1",
        "https://xn--9d0b.example/",
        "https://1.1.1.1/",
        "https://[2606:4700:4700::1111]/",
        "https://app.example.:443/",
    ],
)
def test_what_is_public_and_encrypted_is_taken(url: str) -> None:
    assert PRODUCTION.fault_of(url) is None


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://app.example/", "must begin with https://"),
        ("ftp://app.example/", "must begin with https://"),
        ("javascript:alert(1)", "must be a whole URL"),
        ("/hooks", "must be a whole URL"),
        ("https:///hooks", "must be a whole URL"),
        ("https://a..b.example/", "must be a whole URL"),
        ("https://app.example:99999/", "must be a whole URL"),
        (f"https://{'a' * 64}.example/", "must be a whole URL"),
        ("https://mina:secret@app.example/", "cannot hold a user"),
        ("https://mina@app.example/", "cannot hold a user"),
        ("https://app.example/#top", "cannot have a fragment"),
        ("https://app.example:22/", "one of the ports 80, 443, 8080, 8443; this is 22"),
        ("https://app.example/a b", "ASCII without spaces"),
        ("https://app.example/\n", "ASCII without spaces"),
        ("https://마당.example/", "punycode"),
        ("https://localhost/", "public internet; localhost is none"),
        ("https://jobs/", "public internet"),
        ("https://metadata.google.internal/", "public internet"),
        ("https://printer.local./", "public internet"),
        ("https://127.0.0.1/", "public internet"),
        ("https://127.1/", "public internet"),
        ("https://2130706433/", "public internet"),
        ("https://0x7f.0x0.0x0.0x1/", "public internet"),
        ("https://[::1]/", "public internet"),
        ("https://[::ffff:10.0.0.1]/", "public internet"),
        (f"https://app.example/{'a' * 2048}", "2048 characters at most"),
    ],
)
def test_what_is_refused_is_told_why(url: str, fault: str) -> None:
    assert fault in str(PRODUCTION.fault_of(url))


def test_development_takes_http_but_no_private_host() -> None:
    assert DEVELOPMENT.fault_of("http://app.example/") is None
    assert "public internet" in str(DEVELOPMENT.fault_of("http://localhost:8080/"))


def test_who_allows_it_may_send_to_their_own_network() -> None:
    assert AT_HOME.fault_of("http://127.0.0.1:12345/hooks") is None
    assert "user or a password" in str(AT_HOME.fault_of("http://a:b@127.0.0.1/"))
