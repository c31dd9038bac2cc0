"""Settings of texts."""

from typing import Any

import pytest

from jobs_service.settings import JobsSettings
from shared.settings import BadSettings, load

GIVEN: dict[str, Any] = {
    "secret_key": "k" * 40,
    "database_url": "postgresql+asyncpg://not/used",
    "amqp_url": "in-process:",
}


@pytest.mark.parametrize("written", ["small, large", '["small", "large"]'])
def test_models_are_a_list(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("TEXT_MODELS", written)
    assert load(JobsSettings, **GIVEN).text_models == ("small", "large")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("OPENAI_BASE_URL", "api.openai.com/v1", "must begin with https://"),
        ("OPENAI_BASE_URL", "https://a:b@example.com", "no query, fragment, name or password"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:port/v1", "it is no address: Invalid port"),
        ("OPENAI_API_KEY", "sk-one\nsk-two", "the key alone"),
        ("OPENAI_API_KEY", "sk-열쇠", "the key alone"),
        ("TEXT_MODELS", "[", "begins like a JSON array"),
        ("TEXT_MODELS", ",", "must name a model"),
        ("TEXT_PROVIDER", "elsewhere", "'openai' or 'offline'"),
        ("TEXT_PROVIDER", "openai", "set OPENAI_API_KEY or OPENAI_BASE_URL"),
        ("TEXT_RETENTION_DAYS", "0", "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_told_with_what_would_be_right(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings, match=told):
        load(JobsSettings, **GIVEN)


def test_a_slash_at_the_end_is_no_part_of_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1/")
    settings = load(JobsSettings, **GIVEN)
    assert settings.openai_base_url == "http://127.0.0.1:11434/v1"
    assert settings.has_openai
