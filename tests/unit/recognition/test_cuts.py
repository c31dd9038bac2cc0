"""Sound is cut in its pauses, into parts of about the length that is wanted."""

from itertools import pairwise

import numpy as np
import pytest

from jobs_service.recognition.cuts import FRAMES_PER_SECOND, cuts, levels
from jobs_service.recognition.sound import SAMPLE_RATE


def talk(seconds: float, *pauses: tuple[float, float]) -> bytes:
    """Noise with silence at these times: pairs of start and end."""
    noise = np.random.default_rng(1).integers(-8000, 8000, round(seconds * SAMPLE_RATE))
    for start, end in pauses:
        noise[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] = 0
    return noise.astype(np.int16).tobytes()


def seconds_of(pcm: bytes, part: float) -> list[float]:
    return [at / SAMPLE_RATE for at in cuts(levels(pcm), part)]


def test_what_is_shorter_than_one_and_a_half_parts_stays_whole() -> None:
    assert seconds_of(talk(14.9), 10) == []
    assert len(seconds_of(talk(15.1), 10)) == 1


def test_a_cut_lies_in_the_middle_of_the_pause_near_an_even_one() -> None:
    (cut,) = seconds_of(talk(20, (2.0, 3.0), (11.0, 11.6)), 10)
    assert cut == pytest.approx(11.3, abs=1.5 / FRAMES_PER_SECOND)


def test_a_pause_of_a_sentence_is_preferred_to_one_between_words() -> None:
    (cut,) = seconds_of(talk(20, (10.0, 10.15), (8.0, 8.7)), 10)
    assert 8.0 < cut < 8.7


@pytest.mark.parametrize("seconds", [15.2, 100, 3600.4])
def test_parts_are_never_half_as_long_again_nor_shorter_than_half(seconds: float) -> None:
    loudness = np.random.default_rng(2).random(round(seconds * FRAMES_PER_SECOND))
    bounds = [0, *(at / SAMPLE_RATE for at in cuts(loudness, 10)), seconds]
    lengths = [end - start for start, end in pairwise(bounds)]
    assert all(5 <= length <= 15 + 20 for length in lengths)
    assert max(lengths) <= 15.3
    assert len(lengths) == round(seconds / 10)


def test_sound_is_cut_even_where_nobody_ever_pauses() -> None:
    assert len(seconds_of(talk(60), 10)) == 5
