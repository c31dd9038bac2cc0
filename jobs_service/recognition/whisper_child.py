"""The child process that recognises speech with a model of Whisper's, by faster-whisper.

A run of sound is held in memory as a whole: 64 KB a second, beside the model.
"""

from collections.abc import Iterable, Iterator

import msgspec
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.transcribe import Word as FoundWord
from numpy.typing import NDArray

from jobs_service.captions.domain import Word
from jobs_service.recognition.domain import Heard, ModelUnavailable, UnsupportedLanguage
from jobs_service.recognition.languages import AUTO, tag_of, whisper_code
from jobs_service.recognition.messages import Hearing, Refusal, Words
from jobs_service.recognition.reporting import Reports
from jobs_service.recognition.sound import SAMPLE_RATE, Run, SoundTrack

_LONGEST_REASON = 300


def main(argument: bytes) -> Words | Refusal:
    """Recognise the speech of a `Hearing`, reporting `Progress`."""
    task = msgspec.json.decode(argument, type=Hearing)
    try:
        model = WhisperModel(task.model, device="cpu", compute_type="default", cpu_threads=1)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - files, the hub and the library have errors of all kinds
        reason = f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
        return Refusal(ModelUnavailable.code, f"WHISPER_MODEL cannot be loaded: {reason}")
    if not model.model.is_multilingual and whisper_code(task.language) != "en":
        known = "The model of this installation knows English alone"
        return Refusal(UnsupportedLanguage.code, f"{known}, and not {task.language!r}.")
    return Words(_hear(model, task))


def _hear(model: WhisperModel, task: Hearing) -> Heard:
    reports, done = Reports(task.sound.seconds), 0.0
    language, words = task.language, []
    for run in task.sound.runs:
        code = None if language == AUTO else whisper_code(language)
        segments, info = model.transcribe(
            _samples(task.sound, run),
            language=code,
            word_timestamps=True,
            condition_on_previous_text=False,  # else one mistake is repeated to the end
            vad_filter=True,  # else silence is given words
        )
        if language == AUTO:
            language = tag_of(info.language)
        for segment in segments:
            words += [*_words(segment.words or (), run)]
            reports.reached(done + float(segment.end))
        done += run.count / SAMPLE_RATE
    return Heard(language, tuple(words))


def _samples(sound: SoundTrack, run: Run) -> NDArray[np.float32]:
    pieces = [piece.pcm for piece in sound.of(run).sounds()]
    return np.frombuffer(b"".join(pieces), np.int16).astype(np.float32) / np.float32(32768)


def _words(found: Iterable[FoundWord], run: Run) -> Iterator[Word]:
    """Words in times of the video; those of the library are numbers of numpy's, and may lie a hair
    past the end."""
    for word in found:
        if text := word.word.strip():
            start = min(run.start + max(float(word.start), 0.0), run.end)
            end = min(max(run.start + float(word.end), start), run.end)
            yield Word(text, round(start, 3), round(end, 3), round(float(word.probability), 3))
