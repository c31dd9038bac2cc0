"""What is asked of a language model, and which of its answers are taken."""

import pytest

from jobs_service.captions.domain import Cue
from jobs_service.translation.domain import batches, halves, lines_of, read_answer, spoken_apart
from jobs_service.translation.translating import MAX_TOKENS, question

ASKED = {3: "Good morning.", 4: "And welcome"}


def test_an_answer_with_every_number_once_is_taken() -> None:
    answer = "```\n3| 좋은 아침입니다.\n\n 4 |  그리고 환영합니다  \n```"
    assert read_answer(answer, ASKED) == {3: "좋은 아침입니다.", 4: "그리고 환영합니다"}


def test_what_stands_before_the_first_line_is_no_part_of_it() -> None:
    answer = "Here is the translation:\n\n3| 가\n4| 나"
    assert read_answer(answer, ASKED) == {3: "가", 4: "나"}


@pytest.mark.parametrize(
    "answer",
    [
        "3| 좋은 아침입니다. 그리고 환영합니다",
        "3| 좋은 아침입니다. 그리고 환영합니다\n4|",
        "3| 좋은\n4| 아침입니다\n5| 그리고 환영합니다",
        "3| 가\n3| 나",
        "3| 가\n3| 나\n4| 다",
        "3| 좋은\n아침입니다\n4| 나",
        "좋은 아침입니다.\n그리고 환영합니다",
        "",
        f"3| {'가' * 1001}\n4| 나",
    ],
    ids=["merged", "merged and empty", "cut in two", "one twice", "one more", "goes on",
         "no numbers", "nothing", "endless"],
)  # fmt: skip
def test_an_answer_that_does_not_fit_is_not_taken_at_all(answer: str) -> None:
    assert read_answer(answer, ASKED) is None


def test_cues_without_a_letter_are_not_translated() -> None:
    cues = [Cue(0, 1, ("♪",)), Cue(1, 2, ("one", "two")), Cue(2, 3, ("1984",)), Cue(3, 4, ("네",))]
    assert lines_of(cues) == {2: "one two", 4: "네"}


def test_batches_hold_every_line_once_and_in_order() -> None:
    lines = {number: "word " * (number % 90 + 1) for number in range(1, 400)}
    found = [*batches(lines)]
    assert [item for batch in found for item in batch.items()] == [*lines.items()]
    assert all(len(batch) <= 30 for batch in found)
    assert all(sum(map(len, batch.values())) <= 2000 for batch in found)


def test_a_line_longer_than_a_batch_is_a_batch() -> None:
    assert [*batches({1: "a" * 5000, 2: "b"})] == [{1: "a" * 5000}, {2: "b"}]


def test_halves_are_the_first_lines_and_the_others() -> None:
    assert halves({1: "a", 2: "b", 3: "c"}) == ({1: "a"}, {2: "b", 3: "c"})


def test_the_lines_of_two_speakers_stay_apart() -> None:
    cue = Cue(0, 2, ("- Are you there?", "- Yes."))
    assert spoken_apart(cue, "- 거기 있어요? - 네.") == ("- 거기 있어요?", "- 네.")
    assert spoken_apart(cue, "- 거기 있어요?") == ("- 거기 있어요?",)
    assert spoken_apart(Cue(0, 2, ("well-known", "- facts")), "a - b") == ("a - b",)


def test_a_question_numbers_its_lines_and_names_the_language() -> None:
    asked = question(ASKED, "pt-BR", [("Hello.", "Olá.")])
    system, user = asked.messages
    assert "Portuguese (language tag pt-BR)" in system.content
    assert user.content.endswith("Translate:\n3| Good morning.\n4| And welcome")
    assert "Hello. => Olá." in user.content
    assert 100 < asked.max_tokens <= MAX_TOKENS


def test_a_question_for_much_asks_for_no_more_than_a_model_gives() -> None:
    assert question({1: "한" * 5000}, "en", []).max_tokens == MAX_TOKENS
