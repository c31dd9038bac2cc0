"""What has changed between two versions: nothing is missed, and cues that moved are not new."""

from hypothesis import given
from hypothesis import strategies as st

from jobs_service.captions.domain import Cue
from jobs_service.tracks.differences import CueChange, CueState, differences

TEXTS = ["one", "two", "three", "one two", "two three\nfour", "마당"]


def cue(start: float, end: float, text: str) -> Cue:
    return Cue(start, end, tuple(text.split("\n")))


@st.composite
def tracks(draw: st.DrawFn) -> list[Cue]:
    """Cues in order, many with the same text."""
    starts = sorted(draw(st.lists(st.integers(0, 30), max_size=8)))
    return [cue(at, at + draw(st.integers(1, 5)), draw(st.sampled_from(TEXTS))) for at in starts]


def shown(cues: list[Cue]) -> list[CueState]:
    return [CueState.of(one) for one in enumerate(cues, 1)]


def texts(changes: list[CueChange]) -> list[tuple[str, str | None, str | None]]:
    return [
        (
            one.change,
            one.before.text if one.before else None,
            one.after.text if one.after else None,
        )
        for one in changes
    ]


@given(tracks(), tracks())
def test_every_cue_that_is_not_in_both_is_told_once_and_in_order(
    before: list[Cue], after: list[Cue]
) -> None:
    changes = list(differences(before, after))
    gone = [one.before for one in changes if one.before]
    come = [one.after for one in changes if one.after]
    assert [one.number for one in gone] == sorted({one.number for one in gone})
    assert [one.number for one in come] == sorted({one.number for one in come})
    same_before = [one for one in shown(before) if one not in gone]
    same_after = [one for one in shown(after) if one not in come]
    assert [(one.start, one.end, one.text) for one in same_before] == [
        (one.start, one.end, one.text) for one in same_after
    ]


@given(tracks(), tracks())
def test_the_words_of_a_change_make_both_texts(before: list[Cue], after: list[Cue]) -> None:
    for one in differences(before, after):
        if one.change == "changed" and one.words:
            assert one.before is not None
            assert one.after is not None
            old = "".join(word.text for word in one.words if word.change != "added")
            new = "".join(word.text for word in one.words if word.change != "removed")
            assert (old, new) == (one.before.text, one.after.text)


def test_a_mended_word_is_told_as_such() -> None:
    (one,) = differences([cue(1, 2, "the court yard")], [cue(1, 2, "the courtyard")])
    assert [(word.change, word.text) for word in one.words] == [
        ("same", "the "),
        ("removed", "court yard"),
        ("added", "courtyard"),
    ]


def test_cues_that_all_come_later_have_moved_and_are_not_new() -> None:
    before = [cue(at, at + 1, f"line {at}") for at in range(9)]
    after = [cue(at + 100, at + 101, f"line {at}") for at in range(9)]
    changes = list(differences(before, after))
    assert {one.change for one in changes} == {"changed"}
    assert not any(one.words for one in changes)


def test_a_cue_that_is_split_is_one_changed_and_one_new() -> None:
    before = [cue(1, 3, "one two"), cue(4, 5, "end")]
    after = [cue(1, 2, "one"), cue(2, 3, "two"), cue(4, 5, "end")]
    assert texts(list(differences(before, after))) == [
        ("changed", "one two", "one"),
        ("added", None, "two"),
    ]


def test_a_long_track_of_equal_cues_takes_no_time_by_its_square() -> None:
    before = [cue(at, at + 1, "so " * 300) for at in range(10_000)]
    after = [cue(at + 0.5, at + 1.5, "so " * 299) for at in range(10_000)]
    assert len(list(differences(before, after))) == 10_000
