"""What servers of the transcription protocol say, each in its way, gives words with times."""

import json
from typing import Any

import msgspec
import pytest

from jobs_service.recognition.openai_wire import Transcription


def spoken(**said: Any) -> list[tuple[str, float, float]]:
    answer = msgspec.json.decode(json.dumps(said), type=Transcription)
    return [(word.text, word.start, word.end) for word in answer.spoken()]


def word(text: str, start: float, end: float) -> dict[str, Any]:
    return {"word": text, "start": start, "end": end}


def test_words_take_capitals_and_punctuation_from_the_text() -> None:
    words = [word("well", 0, 1), word("it's", 1, 2), word("Mina", 2, 3)]
    assert spoken(text="“Well, it's Mina!”", words=words) == [
        ("“Well,", 0, 1),
        ("it's", 1, 2),
        ("Mina!”", 2, 3),
    ]


def test_words_that_the_text_has_otherwise_stay_as_they_are() -> None:
    words = [word("one", 0, 1), word("hundred", 1, 2), word("people", 2, 3)]
    assert spoken(text="100 people.", words=words) == [
        ("one", 0, 1),
        ("hundred", 1, 2),
        ("people.", 2, 3),
    ]


def test_words_within_segments_are_found() -> None:
    segment = {"start": 0, "end": 2, "text": " Good day.", "words": [word(" Good", 0, 1)]}
    assert spoken(text="Good day.", segments=[segment]) == [("Good", 0, 1)]


def test_a_segment_without_words_is_shared_out_by_their_length() -> None:
    segment = {"start": 1, "end": 2, "text": "a day."}
    assert spoken(text="a day.", segments=[segment]) == [("a", 1, 1.2), ("day.", 1.2, 2)]


@pytest.mark.parametrize("times", [(-0.4, -0.1), (3.0, 2.0)])
def test_times_that_cannot_be_are_mended(times: tuple[float, float]) -> None:
    ((_, start, end),) = spoken(text="Hm.", words=[word("Hm", *times)])
    assert 0 <= start <= end


def test_how_sure_a_word_is_says_its_segment() -> None:
    segments = [
        {"start": 0, "end": 1, "text": "Good", "avg_logprob": -0.1},
        {"start": 1, "end": 2, "text": "day", "avg_logprob": -2.0},
    ]
    words = [word("Good", 0, 1), word("day", 1, 2)]
    answer = msgspec.convert(
        {"text": "Good day", "words": words, "segments": segments}, Transcription
    )
    assert [one.confidence for one in answer.spoken()] == [0.905, 0.135]


@pytest.mark.parametrize(
    ("said", "tells"),
    [
        ({"text": "Good day."}, False),
        ({"text": "Good day.", "words": [], "segments": []}, False),
        ({"text": "  "}, True),
        ({"text": "", "words": []}, True),
    ],
)
def test_an_answer_without_times_is_only_good_when_nobody_speaks(
    said: dict[str, Any], tells: bool
) -> None:
    assert msgspec.convert(said, Transcription).tells_times is tells
