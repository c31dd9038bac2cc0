"""What the gateway refuses to start with, naming the value and the reason."""

import pytest

from gateway.settings import GatewaySettings
from shared.settings import BadSettings, load

SECRET = "s" * 32


def settings(**given: object) -> GatewaySettings:
    return load(GatewaySettings, secret_key=SECRET, **given)


@pytest.mark.parametrize(
    "given",
    [
        '["https://a.example","http://localhost:3000"]',
        "https://a.example,http://localhost:3000",
        " https://a.example , http://localhost:3000, ",
    ],
)
def test_origins_are_a_json_array_or_a_list_with_commas(given: str) -> None:
    assert settings(allowed_origins=given).allowed_origins == (
        "https://a.example",
        "http://localhost:3000",
    )


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        ("*", "every site"),
        ("https://*.example.com", "wildcards"),
        ("https://a.example/", "trailing slash"),
        ("https://a.example/app", "no path"),
        ("https://a.example?x=1", "no path"),
        ("a.example", "reads https://host"),
        ("ftp://a.example", "reads https://host"),
        ("https://", "reads https://host"),
        ("https://a.example:port", "reads https://host"),
        ("https://user@a.example", "user name"),
        ("https://A.example", "lower case"),
        ("https://마당.example", "punycode"),
        ("https://a.example:443", "leave out the port"),
    ],
)
def test_an_origin_that_could_never_match_or_matches_too_much_is_refused(
    origin: str, reason: str
) -> None:
    with pytest.raises(BadSettings, match=reason) as refusal:
        settings(allowed_origins=f"https://good.example,{origin}")
    assert repr(origin) in str(refusal.value)
    assert "good.example" not in str(refusal.value)


def test_every_refused_origin_is_named_at_once() -> None:
    with pytest.raises(BadSettings) as refusal:
        settings(allowed_origins="*,https://a.example/")
    assert "'*'" in str(refusal.value)
    assert "'https://a.example/'" in str(refusal.value)


def test_a_broken_json_array_is_refused() -> None:
    with pytest.raises(BadSettings, match=r"ALLOWED_ORIGINS.*JSON array"):
        settings(allowed_origins='["https://a.example"')


def test_plain_http_is_for_development_only() -> None:
    assert settings(allowed_origins="http://a.example").allowed_origins == ("http://a.example",)
    with pytest.raises(BadSettings, match=r"'http://a\.example' is refused: in production"):
        settings(allowed_origins="http://a.example", environment="production")


def test_debug_is_refused_in_production() -> None:
    with pytest.raises(BadSettings, match="DEBUG must be false"):
        settings(debug=True, environment="production")


@pytest.mark.parametrize("url", ["auth:8001", "ftp://auth", "http://auth/api", "http://u@auth"])
def test_a_service_url_names_an_origin(url: str) -> None:
    with pytest.raises(BadSettings, match="AUTH_URL"):
        settings(auth_url=url)


def test_a_service_url_may_end_with_a_slash() -> None:
    assert settings(auth_url="http://auth:8001/").auth_url == "http://auth:8001"


def test_authorities_that_are_no_certificates_are_refused_by_name() -> None:
    with pytest.raises(BadSettings, match="it holds no certificates in PEM"):
        settings(upstream_ca="a path, perhaps")


@pytest.mark.parametrize("token", ["", "t" * 15, "t" * 16 + " ", "토큰" * 16])
def test_a_token_that_no_header_can_carry_or_anybody_can_guess_is_refused(token: str) -> None:
    with pytest.raises(BadSettings, match="METRICS_TOKEN: it must have 16 or more") as refusal:
        settings(metrics_token=token)
    assert not token or token not in str(refusal.value)
