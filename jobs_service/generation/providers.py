"""Builds whoever writes texts."""

from jobs_service.generation.offline import Offline
from jobs_service.generation.openai_chat import OpenAIChat
from jobs_service.generation.provider import Patience, Providers
from jobs_service.generation.settings import TextSettings


def build_providers(settings: TextSettings) -> Providers:
    """Who writes texts, for the process that answers and for workers; to be closed at the end."""
    key = settings.openai_api_key
    openai = OpenAIChat(
        settings.openai_base_url,
        key.get_secret_value() if key else None,
        settings.text_models,
        configured=settings.has_openai,
        connections=settings.text_concurrency,
    )
    offline = Offline()
    return Providers(
        {one.name: one for one in (openai, offline)},
        settings.text_provider or ("openai" if settings.has_openai else "offline"),
        Patience(settings.text_first_seconds, settings.text_silence_seconds),
    )
