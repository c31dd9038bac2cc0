"""What the gateway reads from its environment, and what it refuses to start with."""

import re
import ssl
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from gateway.deprecation import Deprecations, deprecations_in
from gateway.networks import Networks
from gateway.rate_limits.settings import RateLimitSettings
from shared.http.origins import DEFAULT_PORTS, OriginSettings, split_url
from shared.settings import AmqpUrl, CommonSettings, Settings, is_production

_HERE = {"127.0.0.1", "::1", "localhost"}
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened at
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]{16,}=*")
"""What may stand in the header (RFC 6750, 2.1)."""


def _service_url(value: str) -> str:
    parts = split_url(value)
    if parts is None or parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"{value!r} is no http:// or https:// URL")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{value!r} may hold a scheme, a host and a port, nothing else")
    return value.rstrip("/")


ServiceUrl = Annotated[str, AfterValidator(_service_url)]


def _deprecations(value: Any) -> Any:
    return deprecations_in(value) if isinstance(value, str) else value


class Mode(Settings):
    """Whether this is the real gateway, for what has to know it before it reads the rest."""

    use_mock_api: bool = Field(
        False,
        description="The gateway alone answers every documented call with examples, and needs "
        "nothing else; refused in production.",
    )


class DoorSettings(Mode, OriginSettings):
    """What can be set about the gateway, in mock mode, too; nothing of it must be."""

    max_body_bytes: int = Field(
        1024 * 1024, ge=1024, description="The largest body in bytes, uploads apart."
    )
    upload_max_bytes: int = Field(
        5 * 1024**3, ge=1024, description="The largest video in bytes that may be uploaded."
    )
    trusted_proxies: Networks = Field(
        (),
        description="Addresses and networks of the proxies in front of the gateway, separated by "
        "commas: only they are believed about a client's address and scheme (X-Forwarded-For, "
        "X-Forwarded-Proto).",
    )
    deprecated_aliases: Annotated[Deprecations, PlainValidator(_deprecations)] = Field(
        {},
        description="Paths whose answers announce their end: a JSON object such as "
        '{"/api/users/login": {"since": "2026-12-01", "sunset": "2027-06-01", '
        '"successor": "/api/auth/login"}}; sunset and successor may be left out.',
    )
    metrics_token: SecretStr | None = Field(
        None,
        description="Who sends it as a bearer token may read /metrics, and nobody else. Without "
        "it, direct requests from this machine may, and outside production also from private "
        "networks. At least 16 characters.",
    )

    @field_validator("metrics_token")
    @classmethod
    def _check_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _BEARER.fullmatch(value.get_secret_value()):
            raise ValueError("it must have 16 or more characters, of letters, digits and ._~+/-")
        return value

    @field_validator("use_mock_api")
    @classmethod
    def _check_mode(cls, value: bool, info: ValidationInfo) -> bool:
        if value and is_production(info):
            raise ValueError("it must be false when ENVIRONMENT is production")
        return value


class GatewaySettings(DoorSettings, RateLimitSettings, CommonSettings):
    """Everything that can be set about the gateway."""

    auth_url: ServiceUrl = Field("http://127.0.0.1:8001", description="The auth service.")
    content_url: ServiceUrl = Field("http://127.0.0.1:8002", description="The content service.")
    jobs_url: ServiceUrl = Field("http://127.0.0.1:8003", description="The jobs service.")
    upstream_connect_seconds: float = Field(
        3.0, gt=0, le=60, description="How long a service may take to accept a connection."
    )
    upstream_silence_seconds: float = Field(
        60.0, gt=0, le=3600, description="How long a service, or a client, may send nothing."
    )
    upstream_total_seconds: float = Field(
        6 * 3600.0, gt=0, description="How long one request may take altogether."
    )
    upstream_connections: int = Field(
        256, ge=1, le=10_000, description="Connections to one service at most."
    )
    upstream_waiting: int = Field(
        1024,
        ge=1,
        le=100_000,
        description="Requests that may wait for a connection to one service; more are refused.",
    )
    upstream_waiting_seconds: float = Field(
        5.0, gt=0, le=60, description="How long a request may wait for a connection to a service."
    )
    upstream_ca: str | None = Field(
        None,
        description="Certificate authorities (PEM) that alone may vouch for services at https:// "
        "addresses; without it, those that the system trusts.",
    )
    cache_seconds: float = Field(
        5.0,
        ge=0,
        le=300,
        description="How long an answer to an anonymous read may be repeated, at most; an event "
        "that changes it ends this at once. 0 switches the cache off.",
    )
    cache_max_bytes: int = Field(
        32 * 1024 * 1024,
        ge=1024 * 1024,
        description="Memory in bytes for repeated answers, in each process of the gateway.",
    )
    realtime_max_connections: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="WebSockets and event streams at most, in one process.",
    )
    realtime_max_connections_per_user: int = Field(
        20, ge=1, le=100_000, description="WebSockets and event streams of one user at most."
    )

    @field_validator("upstream_ca")
    @classmethod
    def _check_authorities(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ssl.create_default_context(cadata=value)
            except (ssl.SSLError, ValueError) as error:
                raise ValueError(f"it holds no certificates in PEM: {error}") from None
        return value


class OwnProcessSettings(GatewaySettings):
    """What a gateway reads that is a process of its own: there are services and a broker."""

    amqp_url: AmqpUrl = Field(description="RabbitMQ: amqp://user:password@host:5672/vhost.")

    @field_validator("auth_url", "content_url", "jobs_url")
    @classmethod
    def _check_service(cls, value: str, info: ValidationInfo) -> str:
        if _is_at(value, str(info.data.get("host")), info.data.get("port")):
            raise ValueError(
                f"{value!r} is the gateway itself, which listens at HOST and PORT; "
                "it must be the address of the service"
            )
        return value


def _is_at(url: str, host: str, port: int | None) -> bool:
    """Whether a program of this machine that connects to `url` finds who listens at `host`."""
    parts = urlsplit(url)
    listening = _HERE if host in _EVERYWHERE else {host} | (_HERE if host in _HERE else set())
    return parts.hostname in listening and (parts.port or DEFAULT_PORTS[parts.scheme]) == port
