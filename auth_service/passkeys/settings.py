"""Who we are to browsers and authenticator apps."""

import re

from pydantic import Field, field_validator

from shared.settings import ProcessSettings

_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*|localhost")


class PasskeySettings(ProcessSettings):
    """The relying party of WebAuthn."""

    passkey_rp_id: str | None = Field(
        None,
        description="The domain that passkeys belong to: that of your pages, or one that it ends "
        "with, such as example.com. It cannot be changed without losing every passkey. The host of "
        "PUBLIC_URL when left out, and localhost where that is an address.",
    )
    passkey_rp_name: str = Field(
        "Madang",
        min_length=1,
        max_length=64,
        description="The name of your product, as browsers and authenticator apps show it.",
    )

    @field_validator("passkey_rp_id")
    @classmethod
    def _check_rp_id(cls, value: str | None) -> str | None:
        if value is not None and not _DOMAIN.fullmatch(value):
            raise ValueError(
                f"{value!r} is no domain; it must be one in lower case, without scheme and port, "
                "such as example.com"
            )
        return value
