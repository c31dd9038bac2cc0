"""Cuts sound into utterances: stretches of speech between silences, short enough to recognise."""

from collections.abc import Iterable, Iterator

import numpy as np
from pocketsphinx import Endpointer

from jobs_service.recognition.sound import SAMPLE_BYTES, SAMPLE_RATE, Sound

LONGEST = 20.0
"""Seconds; recognition takes memory in proportion to the length of an utterance."""
_WINDOW = 0.5
"""Seconds that must be nearly all speech, or nearly all silence, for an utterance to begin or end.

At 0.3 s the pause at a comma ends an utterance, and its words lose their context.
"""
_EARLIEST_CUT = 0.5
"""Of an utterance that is too long, the part in which it is not cut."""
_QUIET = 0.1
"""Seconds of quiet that are looked for where an utterance has to be cut."""


def utterances(sounds: Iterable[Sound]) -> Iterator[Sound]:
    """The speech in `sounds`, at most LONGEST seconds at a time; silence is left out."""
    run: _Run | None = None
    for sound in sounds:
        if run is None or abs(sound.start - run.end) > _QUIET:
            yield from run.rest() if run else ()
            run = _Run(sound.start)
        yield from run.hear(sound.pcm)
    yield from run.rest() if run else ()


class _Run:
    """Sound without a hole, cut at its silences; `end` is where more of it would go on."""

    def __init__(self, start: float) -> None:
        self._endpointer = Endpointer(window=_WINDOW, sample_rate=SAMPLE_RATE)
        self._start, self.end = start, start
        self._waiting = bytearray()
        self._speech = bytearray()
        self._speech_start = 0.0

    def hear(self, pcm: bytes) -> Iterator[Sound]:
        """Take more sound, and give what has become complete."""
        self.end += len(pcm) / (SAMPLE_RATE * SAMPLE_BYTES)
        self._waiting += pcm
        frame = self._endpointer.frame_bytes
        while len(self._waiting) > frame:  # not the last: `rest` needs something to end with
            yield from self._sort(self._endpointer.process(bytes(self._waiting[:frame])))
            del self._waiting[:frame]

    def rest(self) -> Iterator[Sound]:
        """Give what was under way when the sound ended."""
        yield from self._sort(self._endpointer.end_stream(bytes(self._waiting)))
        yield from self._complete()

    def _sort(self, speech: bytes | None) -> Iterator[Sound]:
        if speech is not None:
            if not self._speech:
                self._speech_start = self._start + self._endpointer.speech_start
            self._speech += speech
            if len(self._speech) > LONGEST * SAMPLE_RATE * SAMPLE_BYTES:
                yield self._cut(_quietest(self._speech))
        if not self._endpointer.in_speech:
            yield from self._complete()

    def _complete(self) -> Iterator[Sound]:
        if self._speech:
            yield self._cut(len(self._speech))

    def _cut(self, at: int) -> Sound:
        sound = Sound(self._speech_start, bytes(self._speech[:at]))
        del self._speech[:at]
        self._speech_start = sound.end
        return sound


def _quietest(speech: bytearray) -> int:
    """The byte in the middle of the quietest moment of the later part of `speech`."""
    samples = np.frombuffer(bytes(speech), dtype=np.int16).astype(np.float64)
    window = int(_QUIET * SAMPLE_RATE)
    count = len(samples) // window
    energy = np.square(samples[: count * window]).reshape(count, window).sum(axis=1)
    first = int(count * _EARLIEST_CUT)
    quietest = first + int(np.argmin(energy[first:]))
    return (quietest * window + window // 2) * SAMPLE_BYTES
