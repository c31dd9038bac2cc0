"""Text as a kind of job: what is asked for, of whom, and at what price."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from jobs_service.credits.prices import PriceList
from jobs_service.generation.domain import Asked, Role, Usage, most_tokens
from jobs_service.generation.provider import Providers, TextProvider
from jobs_service.generation.schemas import MAX_CHARACTERS, TextRequest, messages_of
from jobs_service.jobs.kinds import Order
from shared.errors import FieldError, Invalid
from shared.security.principal import UserId


@dataclass(frozen=True, slots=True)
class Task:
    """A request as its provider is asked, and what is ordered by it."""

    provider: TextProvider
    model: str
    asked: Asked
    order: Order


@dataclass(frozen=True, slots=True)
class OrderText:
    """What a text costs: at most as many tokens as its prompt can have, and as it may have itself.

    What it did not take is given back at its end.
    """

    texts: Providers
    prices: PriceList

    async def __call__(self, owner: UserId, request: TextRequest) -> Order:
        """Raises Invalid, ProviderNotConfigured, ModelUnknown."""
        return self.task(request).order

    def task(self, request: TextRequest) -> Task:
        """What there is to do; raises the same."""
        if faults := tuple(_faults(request)):
            raise Invalid(errors=faults)
        messages = messages_of(request)
        provider = self.texts.choose(request.provider)
        asked = Asked(
            messages=messages,
            model=request.model,
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            stop=request.stop,
            seed=request.seed,
            language=request.language,
        )
        model = provider.model_for(asked)
        price = self.prices.text(most_tokens(messages), request.max_tokens)
        same_as = _hash(provider, model, asked) if request.cache else None
        return Task(provider, model, asked, Order(price, None, request.language, same_as))

    def cost(self, task: Task, usage: Usage) -> int:
        """The credits that a text took, of those that were held for it."""
        return min(task.order.price, self.prices.text(usage.prompt_tokens, usage.completion_tokens))


def _hash(provider: TextProvider, model: str, asked: Asked) -> str:
    """What requests for the same have in common, whether or not they name what is the default."""
    told = msgspec.structs.replace(asked, model=model)
    return hashlib.sha256(msgspec.json.encode((provider.name, told))).hexdigest()


def _faults(request: TextRequest) -> Iterator[FieldError]:
    if request.prompt is None and request.messages is None:
        yield FieldError("prompt", "is required, or `messages`")
        return
    if request.prompt is not None and request.messages is not None:
        yield FieldError("messages", "cannot go with `prompt`; make it the last message")
    if request.prompt is not None and not request.prompt.strip():
        yield FieldError("prompt", "must hold more than spaces")
    if request.messages is not None:
        if not any(one.role is Role.USER for one in request.messages):
            yield FieldError("messages", "must hold one whose `role` is `user`")
        for number, one in enumerate(request.messages):
            if not one.content.strip():
                yield FieldError(f"messages[{number}].content", "must hold more than spaces")
    characters = sum(len(one.content) for one in messages_of(request))
    if characters > MAX_CHARACTERS:
        field = "messages" if request.messages is not None else "prompt"
        fault = f"must have at most {MAX_CHARACTERS} characters, with `system`; it has {characters}"
        yield FieldError(field, fault)
