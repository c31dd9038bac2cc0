"""Sound is cut at silences, and never into more than can be recognised at once."""

from itertools import pairwise

import numpy as np

from jobs_service.recognition.sound import SAMPLE_RATE, Sound
from jobs_service.recognition.utterances import LONGEST, utterances


def voice(seconds: float) -> bytes:
    """Something that a voice detector takes for speech: a buzz with formants and a rhythm."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    buzz = sum(np.sin(2 * np.pi * 120 * harmonic * time) / harmonic for harmonic in range(1, 30))
    rhythm = 0.6 + 0.4 * np.sin(2 * np.pi * 4 * time)
    return bytes((4000 * buzz * rhythm).astype(np.int16).tobytes())


def silence(seconds: float) -> bytes:
    noise = np.random.default_rng(0).normal(0, 3, int(seconds * SAMPLE_RATE))
    return bytes(noise.astype(np.int16).tobytes())


def heard(*pieces: bytes, start: float = 0.0) -> list[Sound]:
    """The pieces one after the other, as small sounds of 64 ms."""
    pcm = b"".join(pieces)
    return [
        Sound(start + at / 2 / SAMPLE_RATE, pcm[at : at + 2048]) for at in range(0, len(pcm), 2048)
    ]


def length(sound: Sound) -> float:
    return sound.end - sound.start


def test_two_stretches_of_speech_are_two_utterances_at_their_times() -> None:
    first, second = utterances(heard(silence(1), voice(2), silence(2), voice(1), silence(1)))
    assert 0.5 <= first.start <= 1.0
    assert 3.0 <= first.end <= 3.6
    assert 4.5 <= second.start <= 5.0


def test_silence_holds_no_utterance() -> None:
    assert list(utterances(heard(silence(3)))) == []
    assert list(utterances([])) == []


def test_speech_without_a_pause_is_cut_before_it_is_too_long_and_loses_nothing() -> None:
    sound = voice(3 * LONGEST)
    found = list(utterances(heard(sound)))
    assert all(length(utterance) <= LONGEST + 0.1 for utterance in found)
    assert b"".join(utterance.pcm for utterance in found) in sound
    assert sum(map(length, found)) > 3 * LONGEST - 1
    assert all(abs(before.end - after.start) < 1e-6 for before, after in pairwise(found))


def test_the_cut_is_made_where_it_is_quiet() -> None:
    first, _ = utterances(heard(voice(14), silence(0.2), voice(10)))
    assert 14.0 <= first.end <= 14.2


def test_a_hole_in_the_sound_ends_the_utterance() -> None:
    first, second = utterances([*heard(voice(2)), *heard(voice(2), start=30.0)])
    assert first.end <= 2.1
    assert 30.0 <= second.start <= 30.5


def test_speech_that_ends_with_the_sound_is_kept_to_its_end() -> None:
    (only,) = utterances(heard(silence(1), voice(2.01)))
    assert abs(only.end - 3.01) < 0.01
