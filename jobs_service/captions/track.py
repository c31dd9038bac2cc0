"""A caption track: the words that were recognised, the cues made of them, and their quality."""

import msgspec

from jobs_service.captions.domain import Cue, Transcript
from jobs_service.captions.quality import Quality, assess
from jobs_service.captions.rules import Audience, rules_for
from jobs_service.captions.segmentation import make_cues


class Track(msgspec.Struct, frozen=True):
    """Captions of a video; those that nobody spoke have no words."""

    transcript: Transcript
    cues: tuple[Cue, ...]
    quality: Quality

    @property
    def language(self) -> str:
        """The language of the cues."""
        return self.transcript.language


def make_track(transcript: Transcript, audience: Audience = "adult") -> Track:
    """Cues by the rules of the transcript's language; takes about 10 us per word."""
    rules = rules_for(transcript.language, audience)
    cues = make_cues(transcript.words, rules, transcript.duration)
    return Track(transcript, cues, assess(cues, rules))
