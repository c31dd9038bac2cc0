"""The child process that recognises speech with pocketsphinx; run by `recognise`.

It decodes and recognises one utterance at a time, so its memory does not grow with the video, and
it starts from nothing, so the same video always gives the same transcript.
"""

from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import msgspec
from pocketsphinx import Decoder

from jobs_service.captions.audio import SAMPLE_RATE, Audio, Sound
from jobs_service.captions.domain import Transcript, UndecodableVideo, Word
from jobs_service.captions.recognise_messages import Outcome, Progress, Task
from jobs_service.captions.spelling import written
from jobs_service.captions.utterances import utterances
from jobs_service.videos.domain import VideoHasNoSound
from shared.runtime.child_side import emit

FRAMES_PER_SECOND = 100
_REPORT_SECONDS = 0.25


def main(argument: bytes) -> Outcome:
    """Recognise the speech of a `Task`, reporting `Progress` at most four times a second."""
    task = msgspec.json.decode(argument, type=Task)
    try:
        with Audio(Path(task.path)) as audio:
            return Outcome(_transcribe(audio, task.language))
    except (VideoHasNoSound, UndecodableVideo) as problem:
        return Outcome(error=problem.code, detail=problem.detail)


def _transcribe(audio: Audio, language: str) -> Transcript:
    decoder = Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")
    heard = 0.0
    reported = 0.0

    def watched() -> Iterator[Sound]:
        nonlocal heard, reported
        for sound in audio.sounds():
            heard = sound.end
            if monotonic() - reported >= _REPORT_SECONDS:
                reported = monotonic()
                emit(Progress(round(min(heard / max(audio.duration, heard), 1.0), 4)))
            yield sound

    words = [word for speech in utterances(watched()) for word in _words(decoder, speech)]
    duration = round(max(audio.duration, heard), 3)
    return Transcript(language, "sphinx", duration, tuple(written(words)))


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
