"""Texts without a model: questions to begin a conversation with, made of the prompt's own words.

It is a small set of sentences and says so. The same request has the same answer, anywhere.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Literal

from jobs_service.generation.domain import (
    Asked,
    Delta,
    Ending,
    FinishReason,
    Piece,
    Role,
    Usage,
)
from jobs_service.generation.problems import ModelUnknown
from shared.errors import FieldError, Invalid

MODEL = "templates"
LANGUAGES = ("en", "ko")
_STARTERS = 3
_ENGLISH = (
    "What first made you think about {word}?",
    "What do most people get wrong about {word}?",
    "When did {word} last surprise you?",
    "Who would you like to talk to about {word}, and why?",
    "What would you change about {word} if you could?",
    "What is the best story that you know about {word}?",
    "How would you explain {word} to a child?",
    "What will {word} be like in ten years?",
)
_KOREAN = (
    "'{word}'에 대해 처음 관심을 갖게 된 계기는 무엇인가요?",
    "'{word}'에 대해 사람들이 가장 많이 오해하는 점은 무엇일까요?",
    "'{word}'에 대해 최근에 새로 알게 된 것이 있나요?",
    "'{word}'에 대해 누구와 이야기해 보고 싶은가요?",
    "'{word}'에 대해 바꾸고 싶은 점이 있다면 무엇인가요?",
    "'{word}'에 대해 가장 기억에 남는 이야기는 무엇인가요?",
    "'{word}'에 대해 어린아이에게 어떻게 설명하시겠어요?",
    "십 년 뒤 '{word}'에 대해 우리는 어떤 이야기를 하고 있을까요?",
)
_NOTHING = {"en": "today", "ko": "오늘"}
_COMMON = frozenset((
    "about", "after", "again", "also", "because", "been", "before", "being", "could", "does",
    "from", "give", "have", "into", "just", "like", "make", "more", "most", "only", "other",
    "over", "please", "should", "some", "such", "than", "that", "their", "them", "then", "there",
    "these", "they", "this", "those", "through", "very", "want", "were", "what", "when", "where",
    "which", "while", "will", "with", "would", "write", "your", "conversation", "starter",
    "starters", "question", "questions",
))  # fmt: skip
_HANGUL = re.compile(r"[가-힣]")
_PARTICLE = re.compile(r"(?<=[가-힣]{2})(?:에서|으로|에게|은|는|이|가|을|를|에|의|와|과|도|로)$")


class Offline:
    """Always there, and free of charge for whoever runs it."""

    name: Literal["offline"] = "offline"
    follows_prompts = False

    def model_for(self, asked: Asked) -> str:
        """Raises ModelUnknown, and Invalid for a language that it has no sentences in."""
        if asked.model not in (None, MODEL):
            fault = f"must be {MODEL!r}, or left out; it is {asked.model!r}"
            raise ModelUnknown(errors=(FieldError("model", fault),))
        if asked.language and _primary(asked.language) not in LANGUAGES:
            fault = (
                f"the offline provider knows {' and '.join(LANGUAGES)}; it is {asked.language!r}"
            )
            raise Invalid(errors=(FieldError("language", fault),))
        return MODEL

    async def stream(self, asked: Asked) -> AsyncGenerator[Piece, None]:
        """Word by word; each is a token."""
        self.model_for(asked)
        pieces = re.findall(r"\S+\s*", _stopped(starters(asked), asked.stop))
        reason: FinishReason = "stop"
        if len(pieces) > asked.max_tokens:
            pieces, reason = pieces[: asked.max_tokens], "length"
        for piece in pieces:
            yield Delta(piece)
            await asyncio.sleep(0)  # others have their turn, too
        read = sum(len(one.content.split()) for one in asked.messages)
        yield Ending(reason, Usage(read, len(pieces)))

    async def aclose(self) -> None:
        """There is nothing to close."""


def starters(asked: Asked) -> str:
    """Numbered questions about the words of the last message, a line each."""
    said = next((one.content for one in reversed(asked.messages) if one.role is Role.USER), "")
    language = _primary(asked.language) if asked.language else None
    language = language or ("ko" if _HANGUL.search(said) else "en")
    words = list(dict.fromkeys(_words(said))) or [_NOTHING[language]]
    sentences = _KOREAN if language == "ko" else _ENGLISH
    chosen = _chosen(sentences, f"{asked.seed}\n{said}")
    lines = [
        f"{number + 1}. {sentence.format(word=words[number % len(words)])}"
        for number, sentence in enumerate(chosen)
    ]
    return "\n".join(lines)


def _words(said: str) -> Iterator[str]:
    """The words that may be what it is about."""
    for word in re.findall(r"[^\W\d_]+", said):
        if _HANGUL.search(word):
            if len(word) > 1:
                yield _PARTICLE.sub("", word)
        elif len(word) > 3 and word.lower() not in _COMMON:
            yield word.lower()


def _chosen(sentences: Sequence[str], what: str) -> list[str]:
    """Some of the sentences: for the same `what` always the same."""

    def place(sentence: str) -> bytes:
        return hashlib.sha256(f"{what}\n{sentence}".encode()).digest()

    return sorted(sentences, key=place)[:_STARTERS]


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()


def _stopped(text: str, stops: Sequence[str]) -> str:
    """`text` up to the first of `stops`."""
    return text[: min((at for stop in stops if (at := text.find(stop)) >= 0), default=len(text))]
