"""Composes the providers that an installation has."""

from collections.abc import Callable, Mapping

from jobs_service.recognition.domain import Provider
from jobs_service.recognition.offers import ProviderName
from jobs_service.recognition.openai import OpenAISpeech
from jobs_service.recognition.settings import RecognitionSettings
from jobs_service.recognition.sphinx import Sphinx
from jobs_service.recognition.whisper import Whisper
from shared.runtime.children import Limits


def providers(settings: RecognitionSettings, limits: Limits) -> Mapping[ProviderName, Provider]:
    """By name; `limits` bound each child process."""
    key = settings.openai_api_key
    make: Mapping[ProviderName, Callable[[], Provider]] = {
        "sphinx": lambda: Sphinx(limits),
        "whisper": lambda: Whisper(settings.whisper_model or "", limits),
        "openai": lambda: OpenAISpeech(
            settings.openai_base_url,
            key.get_secret_value() if key else None,
            settings.openai_transcription_model,
            settings.openai_transcription_seconds,
        ),
    }
    return {name: make[name]() for name in settings.caption_providers}
