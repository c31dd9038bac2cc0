"""Recognised words become readable, and nothing is made up."""

from jobs_service.captions.domain import Word
from jobs_service.recognition.spelling import written


def spell(*heard: str | float) -> str:
    """Words, and numbers for the seconds of pause between them, as they are written."""
    words, now = [], 0.0
    for item in heard:
        if isinstance(item, str):
            words.append(Word(item, now, now + 0.3, 1.0))
            now += 0.3
        else:
            now += item
    return " ".join(word.text for word in written(words))


def test_a_long_pause_ends_a_sentence() -> None:
    assert spell("it", "rains", 0.7, "we", "stay") == "It rains. We stay."


def test_a_short_pause_changes_nothing() -> None:
    assert spell("it", "rains", 0.5, "we", "stay") == "It rains we stay."


def test_no_full_stop_follows_a_word_that_ends_no_sentence() -> None:
    assert spell("in", "the", 0.9, "house") == "In the house."


def test_the_first_person_and_names_of_days_are_capitalised() -> None:
    assert spell("on", "monday", "i", "think", "i'm", "ill") == "On Monday I think I'm ill."


def test_times_and_confidence_are_kept() -> None:
    (word,) = written([Word("hello", 1.5, 2.0, 0.25)])
    assert word == Word("Hello.", 1.5, 2.0, 0.25)


def test_nothing_is_written_when_nothing_was_said() -> None:
    assert spell() == ""
