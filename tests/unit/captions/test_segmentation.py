"""Cues: nothing is lost, nothing overlaps, and lines break where a reader would breathe."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs_service.captions.domain import Cue, Word
from jobs_service.captions.rules import RuleSet, rules_for
from jobs_service.captions.segmentation import make_cues
from tests.unit.captions.spoken import any_words, calm_words, spoken

ENGLISH = rules_for("en")
KOREAN = rules_for("ko")
LONG_SENTENCE = "Here is a sentence that takes more than one line to write."


def cues(text: str, **how: float) -> tuple[Cue, ...]:
    words = spoken(text, **how)
    return make_cues(words, ENGLISH, words[-1].end + 10)


def lines(text: str, **how: float) -> list[tuple[str, ...]]:
    return [cue.lines for cue in cues(text, **how)]


@given(any_words(), st.sampled_from([ENGLISH, KOREAN]))
def test_every_word_is_shown_once_and_in_order(words: list[Word], rules: RuleSet) -> None:
    shown = [token for cue in make_cues(words, rules, 0) for token in cue.text.split(" ")]
    assert " ".join(shown).split() == [word.text for word in words]


@given(any_words(), st.sampled_from([ENGLISH, KOREAN]))
def test_cues_never_overlap_and_keep_their_gap(words: list[Word], rules: RuleSet) -> None:
    for before, after in pairwise(make_cues(words, rules, 0)):
        assert round(after.start - before.end, 3) >= rules.gap


@given(any_words(), st.sampled_from([ENGLISH, KOREAN]))
def test_durations_stay_within_their_bounds(words: list[Word], rules: RuleSet) -> None:
    for cue in make_cues(words, rules, 0):
        assert rules.shortest <= cue.duration <= rules.longest


@given(any_words(), st.sampled_from([ENGLISH, KOREAN]))
def test_only_a_single_word_may_be_longer_than_a_line(words: list[Word], rules: RuleSet) -> None:
    for cue in make_cues(words, rules, 0):
        assert 1 <= len(cue.lines) <= rules.lines
        for line in cue.lines:
            assert rules.width(line) <= rules.line_width or " " not in line


@given(any_words())
def test_no_cue_comes_before_its_first_word(words: list[Word]) -> None:
    texts = iter(words)
    for cue in make_cues(words, ENGLISH, 0):
        first, *_ = [next(texts) for _ in cue.text.split(" ")]
        assert cue.start >= round(first.start, 3)


@given(calm_words())
def test_a_calm_speaker_is_never_out_of_step(words: list[Word]) -> None:
    starts = {round(word.start, 3) for word in words}
    assert all(cue.start in starts for cue in make_cues(words, ENGLISH, 0))


def test_sentences_are_cues_of_their_own() -> None:
    assert lines("Welcome to the courtyard. It has one gate.") == [
        ("Welcome to the courtyard.",),
        ("It has one gate.",),
    ]


def test_a_line_breaks_before_a_conjunction_rather_than_at_its_end() -> None:
    assert lines("Every room does one thing only and it does that one thing well.") == [
        ("Every room does one thing only", "and it does that one thing well.")
    ]


def test_a_line_breaks_after_a_comma() -> None:
    assert lines("You can send us a video, we write down every word.") == [
        ("You can send us a video,", "we write down every word.")
    ]


def test_no_line_ends_with_an_article() -> None:
    for cue in lines(
        "Nobody who lived there then remembers what the old house in the yard was for."
    ):
        assert not [line for line in cue if line.endswith((" the", " a"))]


def test_lines_of_equal_merit_are_even_and_the_lower_is_the_longer() -> None:
    ((top, bottom),) = lines("aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii jjjj kkkk", pace=0.1)
    assert (top, bottom) == ("aaaa bbbb cccc dddd eeee", "ffff gggg hhhh iiii jjjj kkkk")


def test_a_title_ends_no_sentence() -> None:
    assert lines("Then Mr. Kim came in.", sentence_pause=0.02) == [("Then Mr. Kim came in.",)]


def test_a_long_pause_ends_a_cue_in_mid_sentence() -> None:
    words = [Word("one", 0, 1, 1), Word("two", 1.1, 2, 1), Word("three", 6, 7, 1)]
    assert [cue.text for cue in make_cues(words, ENGLISH, 9)] == ["one two", "three"]


def test_no_word_is_left_alone_when_a_sentence_is_too_long_for_one_cue() -> None:
    text = "we walked along the river until the town lay far behind us and nobody could hear us now"
    assert all(len(" ".join(cue)) > 20 for cue in lines(text))


@given(any_words(), st.sampled_from([ENGLISH, KOREAN]))
def test_no_short_word_is_alone_on_its_line_where_others_could_join_it(
    words: list[Word], rules: RuleSet
) -> None:
    for cue in make_cues(words, rules, 0):
        *above, last = [line.split() for line in cue.lines]
        if above and len(above[-1]) > 2 and len(last) == 1:
            joined = f"{above[-1][-1]} {last[0]}"
            is_short = rules.width(last[0]) < rules.line_width / 4
            assert not is_short or rules.width(joined) > rules.line_width


def test_a_short_last_word_takes_its_neighbours_along() -> None:
    ((_, bottom),) = lines("Everybody in the courtyard would, if asked, go.", pace=0.1)
    assert bottom != "go."


def test_a_short_word_stays_long_enough_to_be_seen() -> None:
    (cue,) = make_cues([Word("Hi.", 1.0, 1.1, 1)], ENGLISH, 9)
    assert (cue.start, cue.end) == (1.0, 1.834)


def test_a_fast_sentence_stays_until_it_can_be_read() -> None:
    (cue,) = cues("this was said much faster than it can be read", pace=0.02)
    assert cue.duration == pytest.approx(len(cue.text) / 20, abs=0.001)


def test_a_cue_does_not_outlast_the_video_for_the_sake_of_reading_speed() -> None:
    words = spoken("this was said much faster than it can be read", pace=0.03)
    (cue,) = make_cues(words, ENGLISH, words[-1].end + 0.1)
    assert cue.end == round(words[-1].end + 0.1, 3)


def test_a_gap_too_short_to_be_seen_is_closed_to_two_frames() -> None:
    words = spoken(f"{LONG_SENTENCE} {LONG_SENTENCE}", sentence_pause=0.4)
    first, second = make_cues(words, ENGLISH, 60)
    assert round(second.start - first.end, 3) == 0.084


def test_a_visible_gap_is_left_open() -> None:
    words = spoken(f"{LONG_SENTENCE} {LONG_SENTENCE}", sentence_pause=1.0)
    first, second = make_cues(words, ENGLISH, 60)
    assert round(second.start - first.end, 3) == 1.0


def test_after_words_that_all_claim_one_moment_the_captions_catch_up() -> None:
    burst = [Word("burst", 1.0, 1.0, 1)] * 60
    calm = [Word("calm.", 10.0 + 2 * n, 11.0 + 2 * n, 1) for n in range(9)]
    assert make_cues([*burst, *calm], ENGLISH, 60)[-1].start == 26.0


def test_line_breaks_and_control_characters_in_a_word_do_not_reach_the_cue() -> None:
    words = [Word("one\n\ntwo\x00", 0, 1, 1), Word("\x07", 1, 2, 1), Word("three", 2, 3, 1)]
    assert [cue.text for cue in make_cues(words, ENGLISH, 9)] == ["one two three"]


def test_words_that_run_backwards_are_shown_in_the_order_given() -> None:
    words = [Word("one", 5, 6, 1), Word("two", 1, 2, 1), Word("three", 6.5, 7, 1)]
    assert " ".join(cue.text for cue in make_cues(words, ENGLISH, 9)) == "one two three"


def test_korean_lines_hold_sixteen_syllables() -> None:
    words = spoken("마당은 한옥의 뜰이며 모든 방은 마당으로 열려 있습니다.", pace=0.3)
    for cue in make_cues(words, KOREAN, 60):
        assert all(KOREAN.width(line) <= 16 for line in cue.lines)


@pytest.mark.parametrize(
    ("text", "top"),
    [
        # a bound noun stays with the word on which it leans
        ("우리 모두가 지금 볼 수 있을지도 모릅니다.", "우리 모두가 지금"),
        # a determiner stays with its noun
        ("어제 우리가 만난 그 사람은 선생님입니다.", "어제 우리가 만난"),
        # a clause ends with its verb
        ("비가 내렸지만 우리는 마당에 모두 모였다.", "비가 내렸지만"),
        # a conjunction begins a line
        ("나는 마당에 앉고 그리고 그 모든 사람은 걷는다.", "나는 마당에 앉고"),
    ],
)
def test_korean_lines_break_where_korean_does(text: str, top: str) -> None:
    (cue,) = make_cues(spoken(text, pace=0.25), KOREAN, 60)
    assert cue.lines[0] == top


def test_no_words_make_no_cues() -> None:
    assert make_cues([], ENGLISH, 9) == ()


@settings(max_examples=20)
@given(any_words())
def test_the_same_words_give_the_same_cues(words: list[Word]) -> None:
    assert make_cues(words, ENGLISH, 9) == make_cues(words, ENGLISH, 9)
