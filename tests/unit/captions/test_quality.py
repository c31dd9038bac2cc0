"""The quality report finds each broken rule, and agrees with what makes the cues."""

import pytest
from hypothesis import given

from jobs_service.captions.domain import Cue, Word
from jobs_service.captions.quality import Quality, assess
from jobs_service.captions.rules import rules_for
from jobs_service.captions.segmentation import make_cues
from tests.unit.captions.spoken import any_words, calm_words, spoken

ENGLISH = rules_for("en")
GOOD = Cue(1.0, 3.0, ("Welcome", "to the courtyard."))
RULES = {
    "lines",
    "line_length",
    "characters_per_second",
    "shortest_duration",
    "longest_duration",
    "gap",
    "overlap",
    "orphans",
    "annotations",
}


def broken(report: Quality) -> set[str]:
    return {rule for rule in RULES if getattr(report, rule).violations}


def test_a_good_cue_passes() -> None:
    report = assess([GOOD], ENGLISH)
    assert report.passed
    assert not broken(report)
    assert report.cues == 1
    assert report.characters_per_second.worst == 12.5


@pytest.mark.parametrize(
    ("cues", "rule", "worst"),
    [
        ([Cue(1, 3, ("one", "two", "three"))], "lines", 3),
        ([Cue(1, 7, ("a" * 43,))], "line_length", 43),
        ([Cue(1, 2, ("a" * 21,))], "characters_per_second", 21),
        ([Cue(1, 1.8, ("so",))], "shortest_duration", 0.8),
        ([Cue(1, 8.001, ("so",))], "longest_duration", 7.001),
        ([Cue(1, 2, ("so",)), Cue(2.083, 4, ("so",))], "gap", 0.083),
        ([Cue(1, 4, ("This is what they are", "for."))], "orphans", 1),
        ([Cue(1, 4, ("[door slams]",))], "annotations", 1),
        ([Cue(1, 4, ("♪ la la ♪",))], "annotations", 1),
    ],
)
def test_each_broken_rule_is_counted_with_its_worst_value(
    cues: list[Cue], rule: str, worst: float
) -> None:
    report = assess(cues, ENGLISH)
    assert not report.passed
    assert broken(report) == {rule}
    assert getattr(report, rule).violations == 1
    assert getattr(report, rule).worst == worst


@pytest.mark.parametrize(
    ("text", "passes"),
    [("[door slams]", True), ("[MINA] Who is there?", True), ("♪", True), ("[door", False),
     ("a ] b", False), ("[]", False)],
)  # fmt: skip
def test_sounds_are_described_in_whole_brackets_for_those_who_cannot_hear(
    text: str, passes: bool
) -> None:
    assert assess([Cue(1, 4, (text,))], rules_for("en", "sdh")).passed is passes


def test_an_overlap_is_also_a_missing_gap() -> None:
    report = assess([Cue(1, 3, ("so",)), Cue(2.5, 4, ("so",))], ENGLISH)
    assert broken(report) == {"gap", "overlap"}
    assert (report.overlap.worst, report.gap.worst) == (0.5, -0.5)


def test_a_value_at_its_limit_is_no_violation() -> None:
    cues = [Cue(0, 7, ("a" * 42, "b")), Cue(7.084, 7.918, ("a" * 16,))]
    assert assess(cues, ENGLISH).passed


def test_a_track_without_cues_passes_and_measures_nothing() -> None:
    report = assess([], ENGLISH)
    assert report.passed
    assert report.characters_per_second.worst is None


def test_speech_too_fast_to_read_is_reported_and_not_hidden() -> None:
    words = spoken("this is spoken faster than anybody can read it " * 9, pace=0.02)
    report = assess(make_cues(words, ENGLISH, 9), ENGLISH)
    assert broken(report) == {"characters_per_second"}
    assert not report.passed


@given(any_words())
def test_cues_break_no_rule_but_those_that_the_words_force(words: list[Word]) -> None:
    report = assess(make_cues(words, ENGLISH, 0), ENGLISH)
    assert broken(report) <= {"characters_per_second", "line_length"}


@given(calm_words())
def test_calm_speech_gives_captions_that_pass(words: list[Word]) -> None:
    assert assess(make_cues(words, ENGLISH, words[-1].end if words else 0), ENGLISH).passed
