"""What was heard of parts becomes one transcript."""

from jobs_service.captions.domain import Transcript, Word
from jobs_service.recognition.domain import Heard
from jobs_service.recognition.recognised import transcript_of
from jobs_service.recognition.sphinx import Sphinx
from jobs_service.recognition.whisper import Whisper
from shared.runtime.children import Limits

LIMITS = Limits(1, 1, 1)


def heard(language: str, *starts: float) -> Heard:
    return Heard(language, tuple(Word("well", at, at + 0.4, 0.9) for at in starts))


def merged(*parts: Heard, language: str = "auto") -> Transcript:
    return transcript_of(parts, language, "whisper", Whisper("small", LIMITS), 60.0)


def test_words_of_all_parts_are_in_order() -> None:
    found = merged(heard("en", 1, 2), heard("en"), heard("en", 30), language="en-GB")
    assert [word.start for word in found.words] == [1, 2, 30]
    assert (found.language, found.duration) == ("en-GB", 60.0)


def test_where_parts_meet_no_word_starts_before_the_last() -> None:
    found = merged(heard("en", 1, 30.02), heard("en", 30.0))
    assert [word.start for word in found.words] == [1, 30.02, 30.02]
    assert all(word.end >= word.start for word in found.words)


def test_the_language_is_that_of_most_words() -> None:
    assert merged(heard("en", 1), heard("ko", 10, 11), heard("en")).language == "ko"


def test_a_video_in_which_nobody_speaks_has_the_language_that_was_guessed() -> None:
    assert merged(heard("en"), heard("en")).language == "en"


def test_sentences_are_written_over_the_bounds_of_parts() -> None:
    parts = (heard("en", 1), heard("en", 1.5))
    found = transcript_of(parts, "en", "sphinx", Sphinx(LIMITS), 60.0)
    assert [word.text for word in found.words] == ["Well", "well."]
