"""Settings of the embedded suite."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from shared.settings import LogLevel, Settings


class EmbeddedSettings(Settings):
    """Where the suite listens and keeps its data; secrets are made at first start."""

    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="The port to listen on.")
    log_level: LogLevel = Field("WARNING", description="The least severe level that is logged.")
    madang_home: Path = Field(
        Path("~/.madang"), description="The one directory that holds all data of the suite."
    )
    amqp_url: SecretStr | None = Field(
        None, description="RabbitMQ, for commands on a suite that uses it: amqp://…"
    )

    @field_validator("madang_home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()
