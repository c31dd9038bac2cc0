"""Sound in pieces that may be sent away: compressed without loss, and cut at silence."""

import io
from collections.abc import Iterator

import av
import numpy as np

from jobs_service.recognition.cuts import cuts, levels
from jobs_service.recognition.sound import (
    BYTES_PER_SECOND,
    SAMPLE_BYTES,
    SAMPLE_RATE,
    Sound,
    SoundTrack,
)

PIECE_SECONDS = 400.0
"""Pieces are at most half as long again, and 20 s: under 25 MB whatever they hold."""
_JOIN_SECONDS = 30.0
"""Holes up to here are sent as silence: each piece is paid for and takes its time."""
_SHORTEST = 0.1 * BYTES_PER_SECOND
_FRAME = 4096


def pieces(sound: SoundTrack) -> Iterator[Sound]:
    """All that is heard, in order; what is too short to be a word is left out."""
    for whole in _joined(sound):
        at = [0, *(cut * SAMPLE_BYTES for cut in cuts(levels(whole.pcm), PIECE_SECONDS))]
        for begin, end in zip(at, [*at[1:], len(whole.pcm)], strict=True):
            if end - begin >= _SHORTEST:
                yield Sound(whole.start + begin / BYTES_PER_SECOND, whole.pcm[begin:end])


def _joined(sound: SoundTrack) -> Iterator[Sound]:
    start, joined = 0.0, bytearray()
    for piece in sound.sounds():
        hole = piece.start - (start + len(joined) / BYTES_PER_SECOND)
        if joined and hole > _JOIN_SECONDS:
            yield Sound(start, bytes(joined))
            joined = bytearray()
        if not joined:
            start, hole = piece.start, 0.0
        joined += bytes(max(round(hole * SAMPLE_RATE), 0) * SAMPLE_BYTES)
        joined += piece.pcm
    if joined:
        yield Sound(start, bytes(joined))


def as_flac(pcm: bytes) -> bytes:
    """The samples as a FLAC file, about half as large."""
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        samples = np.frombuffer(pcm, np.int16)[np.newaxis, :]
        for begin in range(0, samples.shape[1], _FRAME):
            frame = av.AudioFrame.from_ndarray(samples[:, begin : begin + _FRAME], "s16", "mono")
            frame.sample_rate, frame.pts = SAMPLE_RATE, begin
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()
