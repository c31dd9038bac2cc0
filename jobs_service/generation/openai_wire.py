"""The part of the chat completions protocol that we speak, as servers of today do."""

from typing import Any
from urllib.parse import urlsplit

import msgspec

from jobs_service.generation.domain import Asked, Role, Usage

_WITHOUT_MAX_TOKENS = ("openai.com", "openai.azure.com")
"""Whose newer models take `max_completion_tokens` alone. Everybody else knows the older name, and
not everybody the newer."""


class ChunkDelta(msgspec.Struct, frozen=True):
    """What a piece adds; `refusal` is text in which the model says no."""

    content: str | None = None
    refusal: str | None = None


class Choice(msgspec.Struct, frozen=True):
    """One of the answers: the only one, since we ask for one."""

    delta: ChunkDelta = ChunkDelta()
    finish_reason: str | None = None


class ChunkUsage(msgspec.Struct, frozen=True):
    """Tokens, as the server counts them, if it does."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class ErrorBody(msgspec.Struct, frozen=True):
    """What went wrong; servers differ in what they say, and in its types."""

    message: str = ""
    type: str | None = None
    code: str | int | None = None
    param: str | None = None


class Chunk(msgspec.Struct, frozen=True):
    """One event of a stream; the last one before `[DONE]` has no choices, and the usage."""

    choices: tuple[Choice, ...] = ()
    usage: ChunkUsage | None = None
    error: ErrorBody | str | None = None


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The body of an answer that is none."""

    error: ErrorBody | str


def usage_of(said: ChunkUsage | None) -> Usage | None:
    """Tokens as we count them: below nothing there are none; None where either is not told."""
    if said is None or said.prompt_tokens is None or said.completion_tokens is None:
        return None
    return Usage(max(0, said.prompt_tokens), max(0, said.completion_tokens))


def body_of(asked: Asked, model: str, base_url: str) -> dict[str, Any]:
    """What is sent to `/chat/completions`."""
    host = urlsplit(base_url).hostname or ""
    newer = any(host == one or host.endswith(f".{one}") for one in _WITHOUT_MAX_TOKENS)
    wanted = {
        "max_completion_tokens" if newer else "max_tokens": asked.max_tokens,
        "temperature": asked.temperature,
        "stop": list(asked.stop) or None,
        "seed": asked.seed,
    }
    return {
        "model": model,
        "messages": _messages(asked),
        "stream": True,
        "stream_options": {"include_usage": True},
        **{name: value for name, value in wanted.items() if value is not None},
    }


def _messages(asked: Asked) -> list[dict[str, str]]:
    """What is said, and the wish for a language with it: in one message of the system, since the
    templates of many models take no second one."""
    messages = [msgspec.to_builtins(one) for one in asked.messages]
    if asked.language:
        wish = f"Answer in the language whose BCP 47 tag is {asked.language}."
        if messages[0]["role"] == Role.SYSTEM:
            wish = f"{messages.pop(0)['content']}\n\n{wish}"
        messages.insert(0, {"role": "system", "content": wish})
    return messages
