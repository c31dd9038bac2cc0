"""Settings of text, and of whatever else asks an OpenAI-compatible server."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import httpx
from pydantic import Field, SecretStr, ValidationInfo, field_validator

from shared.settings import LISTED, ServiceSettings

OPENAI_URL = "https://api.openai.com/v1"


class TextSettings(ServiceSettings):
    """Who writes texts, and how much of it at a time."""

    openai_api_key: SecretStr | None = Field(
        None, description="The key of the server at OPENAI_BASE_URL; it is never logged."
    )
    openai_base_url: str = Field(
        OPENAI_URL,
        description="A server that speaks the protocol of OpenAI, up to and with its version. One "
        "that is not OpenAI's own may need no key.",
    )
    text_provider: Literal["openai", "offline"] | None = Field(
        None,
        description="Who writes texts where a request does not say: by default `openai` where it "
        "is set up, else `offline`.",
    )
    text_models: Annotated[tuple[str, ...], LISTED] = Field(
        ("gpt-4.1-mini",),
        description="The models of `openai` that may be asked for, the first by default: a JSON "
        "array, or separated by commas. They all cost the same credits.",
    )
    text_first_seconds: float = Field(
        20.0,
        gt=0,
        le=600,
        description="How long a provider may take to begin a text; less than the gateway's "
        "UPSTREAM_SILENCE_SECONDS.",
    )
    text_silence_seconds: float = Field(
        20.0, gt=0, le=600, description="How long a provider may pause in the middle of a text."
    )
    text_answer_seconds: float = Field(
        50.0,
        gt=0,
        le=3600,
        description="How long a text that is not streamed may take; less than the gateway's "
        "UPSTREAM_SILENCE_SECONDS.",
    )
    text_stream_seconds: float = Field(
        300.0, gt=0, le=3600, description="How long a text that is streamed may take."
    )
    text_concurrency: int = Field(
        64, ge=1, le=10_000, description="Texts that one process writes at the same time."
    )
    text_running_per_user: int = Field(
        3, ge=1, le=1000, description="Texts that are written for one user at the same time."
    )
    text_retention_days: int = Field(
        30,
        ge=1,
        le=3650,
        description="How long prompts and texts are kept; what they cost is kept for longer.",
    )
    text_cache_hours: int = Field(
        24, ge=1, le=720, description="How long a text may be given again to who asked for that."
    )

    @field_validator("openai_base_url")
    @classmethod
    def _check_openai_url(cls, value: str) -> str:
        try:
            url = httpx.URL(value)
        except httpx.InvalidURL as error:
            raise ValueError(f"it is no address: {error}") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError(f"{value!r} must begin with https:// or http:// and name a host")
        if url.query or url.fragment or url.userinfo:
            raise ValueError("it must hold no query, fragment, name or password")
        return value.rstrip("/")

    @field_validator("openai_api_key")
    @classmethod
    def _check_openai_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value and re.fullmatch(r"[!-~]+", value.get_secret_value()) is None:
            raise ValueError("it must be the key alone: no spaces or line breaks, and ASCII")
        return value

    @field_validator("text_provider")
    @classmethod
    def _check_text_provider(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value == "openai" and not openai_is_set_up(info.data):
            raise ValueError("`openai` needs a server: set OPENAI_API_KEY or OPENAI_BASE_URL")
        return value

    @field_validator("text_models")
    @classmethod
    def _check_text_models(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("it must name a model")
        return value

    @property
    def has_openai(self) -> bool:
        """Whether there is somebody to ask at OPENAI_BASE_URL."""
        return openai_is_set_up(self.model_dump())


def openai_is_set_up(settings: Mapping[str, Any]) -> bool:
    """Whether somebody can be asked by the protocol of OpenAI, as far as these are valid."""
    base_url = settings.get("openai_base_url")
    return settings.get("openai_api_key") is not None or base_url not in (None, OPENAI_URL)
