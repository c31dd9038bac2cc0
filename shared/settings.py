"""Settings from the environment: every mistake is listed at once, by its variable's name.

Each variable can also be given as `NAME_FILE`, the path of a file that holds the value. An empty
one counts as not set: a template, or a shell, leaves `NAME=` where it has no value.
"""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class BadSettings(Exception):  # noqa: N818 - reads as what it is
    """The environment does not make valid settings; the message lists every mistake."""


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Takes the place of a value, so that it is listed with all other mistakes."""

    reason: str


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
            reason = error.strerror or type(error).__name__
        except UnicodeDecodeError:
            reason = "it is no text"
        return _Unreadable(f"{variable} cannot be read: {path!r}: {reason}"), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """How every settings class of the project reads its variables.

    What depends on two of them is checked by a validator of the later one, with `info.data`: those
    of a whole model are run only once every field is right, and would hide what they find.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
        enable_decoding=False,
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

    @field_validator("*", mode="before")
    @classmethod
    def _was_read(cls, value: Any) -> Any:
        if isinstance(value, _Unreadable):
            raise ValueError(value.reason)  # noqa: TRY004 - pydantic lists no other kind
        return value


def _as_list(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return [one.strip() for one in value.split(",") if one.strip()]
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError(f"{value!r} begins like a JSON array and is none: {error}") from None


LISTED = BeforeValidator(_as_list)
"""For a field of several values: a JSON array, or separated by commas."""


def is_production(info: ValidationInfo) -> bool:
    """For a validator of a field that comes after `environment`."""
    return info.data.get("environment") == "production"


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

    @field_validator("debug")
    @classmethod
    def _check_debug(cls, value: bool, info: ValidationInfo) -> bool:
        if value and is_production(info):
            raise ValueError("it must be false when ENVIRONMENT is production")
        return value


class CommonSettings(ProcessSettings):
    """What every process of an installation reads."""

    secret_key: SecretStr = Field(
        description="At least 32 characters, the same for every process of an installation; "
        "protects keys at rest, cursors and calls between services."
    )

    @field_validator("secret_key")
    @classmethod
    def _check_key(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 32:
            raise ValueError("it must have at least 32 characters")
        return value


def _begins_with(*schemes: str) -> AfterValidator:
    def check(value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(schemes):
            raise ValueError(f"it must begin with {' or '.join(schemes[:2])}")
        return value

    return AfterValidator(check)


DatabaseUrl = Annotated[SecretStr, _begins_with("postgresql+asyncpg://")]
AmqpUrl = Annotated[SecretStr, _begins_with("amqp://", "amqps://", "in-process:")]
"""`in-process:` is the embedded suite's own broker."""


class ServiceSettings(CommonSettings):
    """What every process with a schema reads."""

    database_url: DatabaseUrl = Field(
        description="This service's own role: postgresql+asyncpg://role:password@host/database."
    )
    database_pool_size: int = Field(32, ge=1, le=500, description="Database connections at most.")
    amqp_url: AmqpUrl = Field(description="RabbitMQ: amqp://user:password@host:5672/vhost.")


S = TypeVar("S", bound=Settings)


def load(cls: type[S], **given: Any) -> S:
    """Read `cls` from the environment; `BadSettings` lists every mistake by variable."""
    try:
        return cls(**given)
    except ValidationError as error:
        lines = [line for mistake in error.errors() for line in _told(cls, mistake)]
        raise BadSettings("\n".join(lines)) from None
    except SettingsError as error:
        raise BadSettings(str(error)) from None


def _told(cls: type[Settings], mistake: ErrorDetails) -> Iterator[str]:
    """A line for each thing that is wrong: the variable, the fault, and what would be right."""
    name, *inner = mistake["loc"]
    field = cls.model_fields[str(name)]
    variable = ".".join(str(part) for part in (name, *inner)).upper()
    message = mistake["msg"]
    if mistake["type"] == "missing":
        yield f"{variable}: it is missing. {field.description}"
    elif mistake["type"] == "value_error":  # one of ours, which say it all
        for line in message.removeprefix("Value error, ").splitlines():
            yield f"{variable}: {line}"
    elif _is_secret(field):
        yield f"{variable}: {message}"
    else:
        yield f"{variable}: {mistake['input']!r} is refused: {message[:1].lower()}{message[1:]}"


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in (field.annotation, *get_args(field.annotation))


def load_or_exit(cls: type[S]) -> S:
    """As `load`, for an entry point: prints every mistake and exits with status 2."""
    try:
        return load(cls)
    except BadSettings as error:
        sys.stderr.write(f"These settings are missing or wrong:\n{_indented(str(error))}\n")
        raise SystemExit(2) from None


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
