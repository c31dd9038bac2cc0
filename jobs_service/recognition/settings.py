"""Settings of speech recognition; `openai` asks the server that texts may come from, too."""

import importlib.util
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from jobs_service.generation.settings import TextSettings, openai_is_set_up
from jobs_service.recognition.offers import Offers, ProviderName
from shared.settings import LISTED


class RecognitionSettings(TextSettings):
    """Who recognises speech, and how much of it at a time."""

    whisper_model: str | None = Field(
        None,
        description="The model of `whisper`: the path of a directory (CTranslate2), or a name such "
        "as `small`, whose files are fetched from the Hugging Face hub at its first use.",
    )
    openai_transcription_model: str = Field(
        "whisper-1", description="The model of `openai` for speech; it must tell times of words."
    )
    openai_transcription_seconds: float = Field(
        600.0,
        gt=0,
        le=3600,
        description="How long `openai` may take for the speech of at most ten minutes.",
    )
    caption_providers: Annotated[tuple[ProviderName, ...], LISTED] = Field(
        ("sphinx",),
        description="Who recognises speech, of `sphinx`, `whisper` and `openai`: a JSON array, or "
        "separated by commas. The first that knows the language of a video is asked.",
    )
    part_seconds: float = Field(
        300.0,
        ge=5,
        le=3600,
        description="About how long the parts are of which several workers recognise one long "
        "video at once.",
    )

    @field_validator("caption_providers")
    @classmethod
    def _check_providers(
        cls, value: tuple[ProviderName, ...], info: ValidationInfo
    ) -> tuple[ProviderName, ...]:
        if not value or len(set(value)) < len(value):
            raise ValueError("it must name at least one provider, and none twice")
        if "whisper" in value and not info.data.get("whisper_model"):
            raise ValueError("`whisper` needs a model: set WHISPER_MODEL")
        if "whisper" in value and importlib.util.find_spec("faster_whisper") is None:
            raise ValueError("`whisper` is not installed: pip install 'madang[whisper]'")
        if "openai" in value and not openai_is_set_up(info.data):
            raise ValueError("`openai` needs a server: set OPENAI_API_KEY or OPENAI_BASE_URL")
        return value

    @property
    def offers(self) -> Offers:
        """Who recognises which languages."""
        return Offers.of(self.caption_providers, self.whisper_model or "")
