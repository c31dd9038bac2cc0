"""What can be set about rate limits."""

from typing import Any

from pydantic import Field, SecretStr, field_validator

from gateway.networks import Networks
from gateway.rate_limits.redis_link import connection_to
from gateway.rate_limits.table import RULES
from gateway.routes import RouteClass
from shared.settings import Settings

_MAX = 1_000_000
_SHARES = "; an address without a user has half of it, a guest a quarter"


def _quota(route_class: RouteClass, description: str) -> Any:
    return Field(
        RULES[route_class].quota, ge=0, le=_MAX, description=description + "; 0 is no limit."
    )


class RateLimitSettings(Settings):
    """How often clients may call; shared by all processes of the gateway when there is a Redis."""

    rate_limits_enabled: bool = Field(True, description="Whether requests are counted at all.")
    rate_limit_rest_per_minute: int = _quota(RouteClass.REST, f"Requests of a user{_SHARES}")
    rate_limit_generate_per_minute: int = _quota(
        RouteClass.GENERATE, f"Jobs that a user may submit{_SHARES}"
    )
    rate_limit_upload_per_hour: int = _quota(RouteClass.UPLOAD, f"Uploads of a user{_SHARES}")
    rate_limit_login_per_minute: int = _quota(RouteClass.LOGIN, "Log-ins from one address")
    rate_limit_register_per_minute: int = _quota(
        RouteClass.REGISTER, "Registrations from one address"
    )
    rate_limit_exempt: Networks = Field(
        (),
        description="Addresses and networks that no limit by address holds for, separated by "
        "commas: an office behind one address, a monitor, a test suite. Limits by user remain.",
    )
    redis_url: SecretStr | None = Field(
        None,
        description="Redis, through which all processes of the gateway share their limits: "
        "redis://user:password@host:6379/0, or rediss:// for TLS. Without it each has its own.",
    )
    offline_mode: bool = Field(False, description="Never tries to reach Redis.")

    @field_validator("redis_url")
    @classmethod
    def _check_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                connection_to(value.get_secret_value())
            except (ValueError, TypeError):
                raise ValueError(
                    "this is no URL of Redis such as redis://host:6379/0; its options are those of "
                    "the Python client"
                ) from None
        return value
