"""Settings of recognition: providers that cannot work are told at the start."""

import importlib.util
from typing import Any

import pytest

from jobs_service.settings import JobsSettings
from shared.settings import BadSettings, load

GIVEN: dict[str, Any] = {
    "secret_key": "k" * 40,
    "database_url": "postgresql+asyncpg://not/used",
    "amqp_url": "in-process:",
}


@pytest.mark.parametrize("written", ["openai, sphinx", '["openai", "sphinx"]'])
def test_providers_are_a_list_by_preference(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("CAPTION_PROVIDERS", written)
    settings = load(JobsSettings, **GIVEN)
    assert settings.caption_providers == ("openai", "sphinx")
    assert settings.offers.choose("en") == "openai"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (",", "at least one provider"),
        ("sphinx,sphinx", "none twice"),
        ("[", "begins like a JSON array"),
        ("vosk", "'sphinx', 'whisper' or 'openai'"),
        ("whisper", "set WHISPER_MODEL"),
        ("openai", "set OPENAI_API_KEY or OPENAI_BASE_URL"),
    ],
)
def test_what_cannot_work_is_told_with_what_would(
    monkeypatch: pytest.MonkeyPatch, value: str, told: str
) -> None:
    monkeypatch.setenv("CAPTION_PROVIDERS", value)
    with pytest.raises(BadSettings, match=told):
        load(JobsSettings, **GIVEN)


def test_a_server_of_ones_own_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
    monkeypatch.setenv("CAPTION_PROVIDERS", "openai")
    assert load(JobsSettings, **GIVEN).offers.choose("ko") == "openai"


def test_whisper_that_is_not_installed_is_told_with_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("CAPTION_PROVIDERS", "whisper")
    monkeypatch.setenv("WHISPER_MODEL", "small")
    with pytest.raises(BadSettings, match=r"pip install 'madang\[whisper\]'"):
        load(JobsSettings, **GIVEN)
