"""A caption track, as a worker would make it."""

from jobs_service.captions.domain import Transcript, Word
from jobs_service.captions.track import make_track

WORDS = tuple(
    Word(text, start / 2, start / 2 + 0.4, 0.9)
    for start, text in enumerate(["good", "morning", "and", "welcome"])
)
TRACK = make_track(Transcript("en", "sphinx", 30.0, WORDS))
