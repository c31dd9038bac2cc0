"""The child process that recognises speech with pocketsphinx.

It recognises one utterance at a time, so its memory does not grow with the sound, and it starts
from nothing, so the same sound always gives the same words.
"""

from collections.abc import Iterator

import msgspec
from pocketsphinx import Decoder

from jobs_service.captions.domain import Word
from jobs_service.recognition.domain import Heard
from jobs_service.recognition.messages import Hearing, Words
from jobs_service.recognition.reporting import Reports
from jobs_service.recognition.sound import SAMPLE_RATE, Sound
from jobs_service.recognition.utterances import utterances

FRAMES_PER_SECOND = 100


def main(argument: bytes) -> Words:
    """Recognise the speech of a `Hearing`, reporting `Progress`."""
    task = msgspec.json.decode(argument, type=Hearing)
    decoder = Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")
    reports = Reports(task.sound.seconds)

    def watched() -> Iterator[Sound]:
        heard = 0.0
        for sound in task.sound.sounds():
            heard += sound.end - sound.start
            reports.reached(heard)
            yield sound

    words = [word for speech in utterances(watched()) for word in _words(decoder, speech)]
    return Words(Heard(task.language, tuple(words)))


def _words(decoder: Decoder, speech: Sound) -> Iterator[Word]:
    """The words of one utterance; the mean of its spectrum is taken over the whole of it."""
    decoder.start_utt()
    decoder.process_raw(speech.pcm, full_utt=True)
    decoder.end_utt()
    for segment in decoder.seg() or ():
        if text := _text(segment.word):
            yield Word(
                text,
                round(speech.start + segment.start_frame / FRAMES_PER_SECOND, 3),
                round(speech.start + (segment.end_frame + 1) / FRAMES_PER_SECOND, 3),
                round(min(max(segment.prob, 0.0), 1.0), 3),
            )


def _text(entry: str) -> str:
    """The word of a dictionary entry such as `to(3)`; nothing for `<sil>`, `[NOISE]`, `++UM++`."""
    return "" if entry[:1] in "<[+" else entry.partition("(")[0]
