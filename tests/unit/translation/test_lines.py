"""How the text of a translated cue falls into lines."""

from hypothesis import given
from hypothesis import strategies as st

from jobs_service.captions.cues import MAX_LINES
from jobs_service.captions.rules import rules_for
from jobs_service.translation.lines import fitted

ENGLISH, KOREAN, JAPANESE = rules_for("en"), rules_for("ko"), rules_for("ja")


def test_what_fits_on_a_line_stays_on_it() -> None:
    assert fitted("Good morning.", ENGLISH) == ("Good morning.",)


def test_two_lines_are_as_even_as_can_be() -> None:
    text = "Welcome to the courtyard, where every room opens onto the same gate."
    first, second = fitted(text, ENGLISH)
    assert f"{first} {second}" == text
    assert max(len(first), len(second)) <= 42


def test_korean_lines_hold_sixteen_letters() -> None:
    text = "안녕하세요 여러분 오늘은 마당에 대해서 이야기하겠습니다"
    lines = fitted(text, KOREAN)
    assert " ".join(lines) == text
    assert all(KOREAN.width(line) <= KOREAN.line_width for line in lines)


def test_a_script_without_spaces_breaks_after_a_mark() -> None:
    text = "おはようございます、みなさん、今日は中庭についてお話しします"
    first, second = fitted(text, JAPANESE)
    assert first + second == text
    assert first.endswith("、")


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z", "M"]), max_size=300))
def test_nothing_is_lost_of_any_text(text: str) -> None:
    for rules in (ENGLISH, KOREAN, JAPANESE):
        lines = fitted(text, rules)
        assert "".join("".join(lines).split()) == "".join(text.split())
        assert len(lines) <= MAX_LINES
