"""Settings from the environment: every mistake is listed at once, by its variable's name.

Each variable can also be given as `NAME_FILE`, the path of a file that holds the value.
"""

import os
import sys
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class BadSettings(Exception):  # noqa: N818 - reads as what it is
    """The environment does not make valid settings; the message lists every mistake."""


class _FileVariables(PydanticBaseSettingsSource):
    """Reads `NAME` from the file that `NAME_FILE` names, without its last line break."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = f"{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text().rstrip("\r\n"), field_name, False
        except OSError as error:
            raise SettingsError(f"{variable}: cannot read {path!r}: {error.strerror}") from error

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """How every settings class of the project reads its variables."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", hide_input_in_errors=True, enable_decoding=False
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then `*_FILE`, then `.env`."""
        return init_settings, env_settings, _FileVariables(settings_cls), dotenv_settings


class ProcessSettings(Settings):
    """What every process that serves reads, also one that shares nothing with others."""

    environment: Literal["development", "staging", "production"] = Field(
        "development", description="Where this runs; production refuses unsafe settings."
    )
    debug: bool = Field(False, description="Verbose, readable logs; refused in production.")
    log_level: LogLevel = Field("INFO", description="The least severe level that is logged.")
    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="The port to listen on.")
    drain_seconds: float = Field(
        25.0, gt=0, le=300, description="How long a stopping process finishes what is under way."
    )

    @model_validator(mode="after")
    def _check_debug(self) -> Self:
        if self.environment == "production" and self.debug:
            raise ValueError("DEBUG must be false when ENVIRONMENT is production")
        return self


class CommonSettings(ProcessSettings):
    """What every process of an installation reads."""

    secret_key: SecretStr = Field(
        description="At least 32 characters, the same for every process of an installation; "
        "protects keys at rest, cursors and calls between services."
    )

    @model_validator(mode="after")
    def _check_key(self) -> Self:
        if len(self.secret_key.get_secret_value()) < 32:
            raise ValueError("SECRET_KEY must have at least 32 characters")
        return self


class ServiceSettings(CommonSettings):
    """What every process with a schema reads."""

    database_url: SecretStr = Field(
        description="This service's own role: postgresql+asyncpg://role:password@host/database."
    )
    database_pool_size: int = Field(32, ge=1, le=500, description="Database connections at most.")
    amqp_url: SecretStr = Field(description="RabbitMQ: amqp://user:password@host:5672/vhost.")


S = TypeVar("S", bound=Settings)


def load(cls: type[S], **given: Any) -> S:
    """Read `cls` from the environment; `BadSettings` lists every mistake by variable."""
    try:
        return cls(**given)
    except ValidationError as error:
        lines = []
        for mistake in error.errors():
            name = ".".join(str(part) for part in mistake["loc"]).upper()
            message = mistake["msg"].removeprefix("Value error, ")
            lines.append(f"{name}: {message}" if name else message)
        raise BadSettings("\n".join(lines)) from None
    except SettingsError as error:
        raise BadSettings(str(error)) from None


def load_or_exit(cls: type[S]) -> S:
    """As `load`, for an entry point: prints every mistake and exits with status 2."""
    try:
        return load(cls)
    except BadSettings as error:
        sys.stderr.write(f"These settings are missing or wrong:\n{_indented(str(error))}\n")
        raise SystemExit(2) from None


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
