"""What the auth service reads from its environment."""

from pydantic import Field

from shared.settings import ServiceSettings


class AuthSettings(ServiceSettings):
    """The common settings, on a port of its own."""

    port: int = Field(8001, ge=0, le=65535, description="The port to listen on.")
