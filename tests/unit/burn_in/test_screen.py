"""What is on the screen at a moment."""

from jobs_service.burn_in.domain import Screen
from jobs_service.captions.domain import Cue


def test_a_cue_is_shown_from_its_start_until_before_its_end() -> None:
    screen = Screen([Cue(1.0, 2.0, ("one", "two"))])
    shown = [screen.at(moment) for moment in (0.0, 0.99, 1.0, 1.99, 2.0, 9.0)]
    assert shown == [(), (), ("one", "two"), ("one", "two"), (), ()]


def test_cues_that_overlap_are_shown_together() -> None:
    screen = Screen([Cue(2.0, 4.0, ("late",)), Cue(1.0, 3.0, ("early",))])
    shown = [screen.at(moment) for moment in (1.5, 2.5, 3.5)]
    assert shown == [("early",), ("early", "late"), ("late",)]


def test_a_cue_between_two_pictures_is_never_shown() -> None:
    screen = Screen([Cue(1.01, 1.02, ("blink",))])
    assert [screen.at(1.0), screen.at(1.04)] == [(), ()]
