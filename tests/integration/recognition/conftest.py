"""Sound that has been decoded, and a server that hears."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobs_service.recognition.sound import BYTES_PER_SECOND, SAMPLE_RATE, Run, SoundTrack
from tests.support.speech_server import SpeechServer, speech_server


@pytest.fixture(scope="session")
async def _speech() -> AsyncIterator[SpeechServer]:
    async with speech_server() as server:
        yield server


@pytest.fixture
def speech_api(_speech: SpeechServer) -> SpeechServer:
    _speech.reset()
    return _speech


def quiet_track(path: Path, *runs: tuple[float, float]) -> SoundTrack:
    """Silence that is heard at these times: pairs of start and seconds."""
    found, first = [], 0
    for start, seconds in runs:
        found.append(Run(start, first, round(seconds * SAMPLE_RATE)))
        first += found[-1].count
    path.write_bytes(bytes(round(sum(seconds for _, seconds in runs) * BYTES_PER_SECOND)))
    return SoundTrack(str(path), found[-1].end, tuple(found))
