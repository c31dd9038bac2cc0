"""Texts: what a request comes to, and how many tokens it can be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_service.credits.prices import PriceList
from jobs_service.generation.domain import Message, Role, Usage, likely_tokens, most_tokens
from jobs_service.generation.kind import OrderText
from jobs_service.generation.offline import Offline
from jobs_service.generation.provider import Patience, Providers
from jobs_service.generation.schemas import EXAMPLE_REQUEST, GenerateRequest, TextRequest
from shared.ids import uuid7
from shared.security.principal import UserId

OWNER = UserId(uuid7())
ORDER = OrderText(Providers({"offline": Offline()}, "offline", Patience(1, 1)), PriceList())


@given(st.text())
def test_a_text_never_has_more_tokens_than_it_is_charged_for_before(text: str) -> None:
    messages = (Message(Role.USER, text),)
    assert likely_tokens(text) <= len(text.encode()) <= most_tokens(messages)


async def test_the_price_is_of_the_longest_text_there_can_be() -> None:
    order = await ORDER(OWNER, TextRequest(prompt="x" * 992, max_tokens=1000))
    assert order.price == 1 + 2


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_no_usage_costs_more_than_was_held(prompt: int, completion: int) -> None:
    task = ORDER.task(TextRequest(prompt="Hi", max_tokens=100))
    assert 0 <= ORDER.cost(task, Usage(prompt, completion)) <= task.order.price


async def test_only_what_may_be_given_again_is_told_apart() -> None:
    assert (await ORDER(OWNER, TextRequest(prompt="Hi"))).same_as is None
    one, same, other = [
        (await ORDER(OWNER, request)).same_as
        for request in (
            TextRequest(prompt="Hi", cache=True),
            TextRequest(prompt="Hi", cache=True, provider="offline", model="templates", priority=3),
            TextRequest(prompt="Hi", cache=True, seed=1),
        )
    ]
    assert one == same != other


def test_a_request_is_the_same_as_a_job() -> None:
    job = EXAMPLE_REQUEST.as_job()
    fields = set(GenerateRequest.__struct_fields__) - {"stream"}
    assert {name: getattr(job, name) for name in fields} == {
        name: getattr(EXAMPLE_REQUEST, name) for name in fields
    }


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("abcd", 1), ("abcde", 2), ("안녕", 2)])
def test_tokens_are_estimated_by_characters(text: str, tokens: int) -> None:
    assert likely_tokens(text) == tokens
