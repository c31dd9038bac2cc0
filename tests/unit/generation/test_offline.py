"""Texts without a model."""

import pytest

from jobs_service.generation.domain import Asked, Delta, Ending, Message, Role
from jobs_service.generation.offline import Offline
from jobs_service.generation.problems import ModelUnknown
from shared.errors import Invalid


def asked(prompt: str, **more: object) -> Asked:
    return Asked(messages=(Message(Role.USER, prompt),), **more)  # type: ignore[arg-type]


async def written(request: Asked) -> tuple[str, Ending]:
    *deltas, ending = [one async for one in Offline().stream(request)]
    assert isinstance(ending, Ending)
    return "".join(one.text for one in deltas if isinstance(one, Delta)), ending


async def test_the_same_request_has_the_same_answer() -> None:
    request = asked("Questions about gardening with neighbours")
    assert await written(request) == await written(request)
    assert await written(request) != await written(asked(request.messages[0].content, seed=2))


async def test_it_is_about_the_words_of_the_last_message() -> None:
    messages = (
        Message(Role.USER, "Tell me about trains"),
        Message(Role.ASSISTANT, "Which ones?"),
        Message(Role.USER, "Please write questions about steam"),
    )
    text, _ = await written(Asked(messages=messages))
    assert text.count("steam") == 3
    assert "trains" not in text


async def test_it_answers_in_the_language_of_the_prompt_or_the_one_asked_for() -> None:
    text, _ = await written(asked("마당에서 놀이를 해요"))
    assert "'마당'" in text
    assert "'놀이'" in text
    text, _ = await written(asked("gardening", language="ko-KR"))
    assert "'gardening'에 대해" in text


async def test_a_prompt_of_nothing_has_an_answer_too() -> None:
    assert "today" in (await written(asked("?!")))[0]


async def test_it_ends_where_it_has_to() -> None:
    text, ending = await written(asked("gardening", max_tokens=5))
    assert (len(text.split()), ending.finish_reason) == (5, "length")
    assert ending.usage.completion_tokens == 5
    text, ending = await written(asked("gardening", stop=("2.",)))
    assert ending.finish_reason == "stop"
    assert text.endswith("?\n")
    assert "2." not in text


@pytest.mark.parametrize(
    ("wish", "problem", "field"),
    [({"model": "gpt"}, ModelUnknown, "model"), ({"language": "fr"}, Invalid, "language")],
)
def test_what_it_cannot_do_is_said_before(
    wish: dict[str, object], problem: type[Invalid], field: str
) -> None:
    with pytest.raises(problem) as raised:
        Offline().model_for(asked("gardening", **wish))
    assert raised.value.errors[0].field == field
