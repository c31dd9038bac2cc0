"""What is refused of the settings of rate limits, by name."""

import pytest

from gateway.rate_limits.settings import RateLimitSettings
from shared.settings import BadSettings, load


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("rate_limit_rest_per_minute", "-1", "greater than or equal to 0"),
        ("rate_limit_login_per_minute", "1000001", "less than or equal to 1000000"),
        ("rate_limit_upload_per_hour", "many", "valid integer"),
        ("rate_limits_enabled", "perhaps", "valid boolean"),
        ("rate_limit_exempt", "10.0.0.0/8, office", "'office': neither an address nor a network"),
        ("rate_limit_exempt", "10.0.0.1/8", "bits beyond"),
        ("redis_url", "http://redis:6379", "no URL of Redis"),
        ("redis_url", "redis:6379", "no URL of Redis"),
        ("redis_url", "redis://host:port", "no URL of Redis"),
        ("redis_url", "redis://host?unknown=1", "no URL of Redis"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(name: str, value: str, reason: str) -> None:
    with pytest.raises(BadSettings, match=reason) as refused:
        load(RateLimitSettings, **{name: value})
    assert str(refused.value).startswith(name.upper())


def test_a_refusal_does_not_tell_the_password_of_redis() -> None:
    with pytest.raises(BadSettings) as refused:
        load(RateLimitSettings, redis_url="rediss://user:s3cret@host:x/0")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1",
        "redis://user:password@host:6379/1",
        "rediss://host?ssl_cert_reqs=none",
        "unix:///run/redis.sock",
    ],
)
def test_every_kind_of_address_of_redis_is_accepted(url: str) -> None:
    settings = load(RateLimitSettings, redis_url=url)
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == url
