"""The port to whoever writes texts, and the choice among them."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from jobs_service.generation.domain import Asked, Draft, Ending, Piece, Text
from jobs_service.generation.problems import ProviderTooSlow, TextCutOff


class TextProvider(Protocol):
    """Writes texts."""

    @property
    def name(self) -> str:
        """How requests and answers call it."""
        ...

    @property
    def follows_prompts(self) -> bool:
        """Whether it does what a prompt asks for, as language models do."""
        ...

    def model_for(self, asked: Asked) -> str:
        """The model that would write this; raises the Problems that speak against it, before it
        costs anything."""
        ...

    def stream(self, asked: Asked) -> AsyncGenerator[Piece, None]:
        """The text in pieces, the last of which is an `Ending`; closing it early ends the work.

        Raises the Problems of `problems.OF_PROVIDERS`, at its begin or in its middle.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds until the first piece of a text, and between two."""

    first: float
    next: float


@dataclass(frozen=True, slots=True)
class Providers:
    """Everybody who can write texts here; the one of `default` unless another is asked for."""

    by_name: Mapping[str, TextProvider]
    default: str
    patience: Patience

    def choose(self, name: str | None = None) -> TextProvider:
        """The provider of this name, or the default one."""
        return self.by_name[name or self.default]

    async def stream(self, provider: TextProvider, asked: Asked) -> AsyncGenerator[Piece, None]:
        """The pieces of a text, each in time; raises ProviderTooSlow, TextCutOff, and what the
        provider raises."""
        seconds, ended = self.patience.first, False
        async with aclosing(provider.stream(asked)) as pieces:
            while not ended:
                try:
                    async with asyncio.timeout(seconds):
                        piece = await anext(pieces)
                except TimeoutError:
                    raise ProviderTooSlow(
                        f"{provider.name} sent nothing for {seconds:g} seconds."
                    ) from None
                except StopAsyncIteration:
                    raise TextCutOff(f"{provider.name} stopped without an end.") from None
                yield piece
                seconds, ended = self.patience.next, isinstance(piece, Ending)

    async def whole(self, asked: Asked, name: str | None = None) -> Text:
        """A whole text; raises what `stream` raises."""
        provider = self.choose(name)
        model = provider.model_for(asked)
        draft = Draft(asked.messages)
        async for piece in self.stream(provider, asked):
            draft.add(piece)
        return draft.whole(provider.name, model)

    async def aclose(self) -> None:
        """Let go of every provider's connections."""
        for provider in self.by_name.values():
            await provider.aclose()
