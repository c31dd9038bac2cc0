"""What the gateway refuses to start with, naming the value and the reason."""

import pytest

from gateway.settings import GatewaySettings, OwnProcessSettings
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
    with pytest.raises(BadSettings, match="DEBUG: it must be false"):
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


AMQP = "amqp://user:password@host:5672/vhost"


def own_process(**given: object) -> OwnProcessSettings:
    return load(OwnProcessSettings, **{"secret_key": SECRET, "amqp_url": AMQP, **given})


def test_every_kind_of_mistake_is_listed_at_once() -> None:
    with pytest.raises(BadSettings) as refusal:
        own_process(
            environment="production",
            debug="true",
            use_mock_api="true",
            port="many",
            secret_key="short",
            allowed_origins="*,http://a.example,https://b.example,https://b.example",
            jobs_url="jobs:8003",
            amqp_url="redis://broker",
            metrics_token="short",
            deprecated_aliases="{",
        )
    lines = str(refusal.value).splitlines()
    assert sorted(line.partition(":")[0] for line in lines) == [
        *["ALLOWED_ORIGINS"] * 3,
        *["AMQP_URL", "DEBUG", "DEPRECATED_ALIASES", "JOBS_URL", "METRICS_TOKEN", "PORT"],
        *["SECRET_KEY", "USE_MOCK_API"],
    ]
    assert "ALLOWED_ORIGINS: 'https://b.example' is listed more than once" in lines


def test_an_environment_that_is_wrong_itself_is_the_only_mistake_about_it() -> None:
    with pytest.raises(BadSettings) as refusal:
        settings(environment="prod", allowed_origins="http://a.example")
    assert str(refusal.value).startswith("ENVIRONMENT: 'prod' is refused: input should be")
    assert "ALLOWED_ORIGINS" not in str(refusal.value)


def test_a_gateway_of_its_own_needs_a_broker() -> None:
    with pytest.raises(BadSettings, match=r"AMQP_URL: it is missing\. RabbitMQ: amqp://"):
        load(OwnProcessSettings, secret_key=SECRET)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1", 8000),
        ("http://localhost:8000/", "127.0.0.1", 8000),
        ("http://[::1]:8000", "0.0.0.0", 8000),
        ("http://10.0.0.5:8000", "10.0.0.5", 8000),
        ("http://localhost", "0.0.0.0", 80),
    ],
)
def test_a_service_url_that_leads_back_to_the_gateway_is_refused(
    url: str, host: str, port: int
) -> None:
    with pytest.raises(BadSettings, match=r"CONTENT_URL: .* is the gateway itself"):
        own_process(content_url=url, host=host, port=port)


def test_the_default_of_a_service_url_may_lead_back_too() -> None:
    with pytest.raises(BadSettings, match=r"AUTH_URL: 'http://127\.0\.0\.1:8001' is the gateway"):
        own_process(port=8001)


@pytest.mark.parametrize(
    ("url", "host"), [("http://127.0.0.1:8000", "10.0.0.5"), ("http://auth:8000", "0.0.0.0")]
)
def test_the_same_port_of_another_address_is_another_program(url: str, host: str) -> None:
    assert own_process(auth_url=url, host=host, port=8000).auth_url == url
