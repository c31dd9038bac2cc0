"""Texts: what a language model is asked for, and the pieces in which its answer comes."""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

import msgspec

_TOKENS_OF_A_MESSAGE = 8
"""What chat templates put around each message, and before the answer; those that are published take
3 to 7."""
_ASCII_A_TOKEN = 4


class Role(StrEnum):
    """Who says a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: Role
    content: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider is asked for. Without a `model`, the provider's own; `language` is a BCP 47
    tag, and without it the answer is in the language of the prompt."""

    messages: tuple[Message, ...]
    model: str | None = None
    max_tokens: int = 512
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    language: str | None = None


class Usage(msgspec.Struct, frozen=True):
    """Tokens read and written; `estimated` when the provider did not say."""

    prompt_tokens: int
    completion_tokens: int
    estimated: bool = False


FinishReason = Literal["stop", "length"]


class Delta(msgspec.Struct, frozen=True):
    """Some more of the text."""

    text: str


class Ending(msgspec.Struct, frozen=True):
    """The text is whole, or as long as it may be."""

    finish_reason: FinishReason
    usage: Usage


Piece = Delta | Ending


class Text(msgspec.Struct, frozen=True):
    """A text, and what made it."""

    text: str
    finish_reason: FinishReason
    provider: str
    model: str
    usage: Usage


def most_tokens(messages: tuple[Message, ...]) -> int:
    """No fewer tokens than these messages can be: tokens are made of whole bytes, so that a text
    has at most as many as it has bytes in UTF-8."""
    return sum(len(one.content.encode()) + _TOKENS_OF_A_MESSAGE for one in messages)


def likely_tokens(text: str) -> int:
    """About how many tokens `text` is, where nobody says: one for four ASCII characters, one for
    each other."""
    others = sum(character > "\x7f" for character in text)
    return math.ceil((len(text) - others) / _ASCII_A_TOKEN) + others


def likely_usage(messages: tuple[Message, ...], text: str) -> Usage:
    """An estimate of what it took to answer these messages with `text`."""
    prompt = sum(likely_tokens(one.content) + _TOKENS_OF_A_MESSAGE for one in messages)
    return Usage(prompt, likely_tokens(text), estimated=True)


@dataclass(slots=True)
class Draft:
    """A text as far as it has come."""

    messages: tuple[Message, ...]
    ending: Ending | None = None
    _parts: list[str] = field(default_factory=list)

    def add(self, piece: Piece) -> None:
        """Go on with `piece`."""
        if isinstance(piece, Delta):
            self._parts.append(piece.text)
        else:
            self.ending = piece

    @property
    def text(self) -> str:
        """What there is of it."""
        return "".join(self._parts)

    @property
    def pieces(self) -> int:
        """In how many pieces it came."""
        return len(self._parts)

    @property
    def usage(self) -> Usage:
        """What it has taken so far: an estimate, until it has ended."""
        return self.ending.usage if self.ending else likely_usage(self.messages, self.text)

    def whole(self, provider: str, model: str) -> Text:
        """The text, once it has ended."""
        if self.ending is None:
            raise ValueError("the text has not ended")
        reason = self.ending.finish_reason
        return Text(self.text, reason, provider, model, self.ending.usage)
