"""What `prober` and its child say to each other; kept apart from the libraries of the child."""

import msgspec

from content_service.videos.domain import MediaFacts, Reason


class ProbeTask(msgspec.Struct, frozen=True):
    """What to examine: a file's path, its FFmpeg demuxer, and the limits of what is accepted."""

    path: str
    demuxer: str
    max_seconds: float
    max_streams: int


class ProbeResult(msgspec.Struct, frozen=True):
    """Either what was found, or why the file is rejected."""

    facts: MediaFacts | None = None
    poster: bytes | None = None
    """A JPEG file, where there is a picture."""
    rejection: Reason | None = None
