"""Speech is recognised in a child process: well, always the same, and stopped at once."""

import asyncio
import os
from pathlib import Path
from time import monotonic

import pytest

from jobs_service.captions.domain import Transcript
from jobs_service.captions.formats import FORMATS
from jobs_service.captions.track import make_track
from jobs_service.recognition import extraction
from jobs_service.recognition.domain import (
    RecognitionTooLarge,
    RecognitionTooSlow,
    UndecodableVideo,
)
from jobs_service.videos.domain import VideoHasNoSound
from shared.runtime.children import ChildFailed, Limits
from tests.support.media import make_media
from tests.support.recognition import recognise
from tests.support.sound import silence, speech
from tests.support.suite import SAMPLE
from tests.support.word_errors import word_error_rate

LIMITS = Limits(memory_bytes=1024**3, cpu_seconds=120, wall_seconds=120)
SAID = SAMPLE.with_suffix(".txt").read_text()


async def transcript_of(path: Path, limits: Limits = LIMITS) -> Transcript:
    return await recognise(path, limits)


@pytest.fixture(scope="module")
async def sample() -> Transcript:
    return await transcript_of(SAMPLE)


def children() -> set[int]:
    """The ids of this process's children."""
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text().split()}


def test_the_sample_is_recognised_nearly_without_error(sample: Transcript) -> None:
    text = " ".join(word.text for word in sample.words)
    assert word_error_rate(SAID, text) < 0.15


def test_words_have_times_in_order_and_within_the_video(sample: Transcript) -> None:
    assert sample.duration == pytest.approx(33, abs=1)
    last = 0.0
    for word in sample.words:
        assert last <= word.start < word.end <= sample.duration
        assert 0 <= word.confidence <= 1
        last = word.end


def test_no_filler_of_the_recogniser_is_left(sample: Transcript) -> None:
    assert not [word for word in sample.words if set(word.text) & set("<>[]()+")]


def test_the_sample_gives_captions_that_pass_in_every_format(sample: Transcript) -> None:
    track = make_track(sample)
    assert track.quality.passed
    assert "courtyard" in track.cues[0].text
    assert "home" in track.cues[-1].text
    for form in FORMATS.values():
        assert b"courtyard" in form.write(track)


async def test_the_same_video_gives_the_same_transcript_and_its_progress_grows_to_the_end(
    sample: Transcript,
) -> None:
    reports: list[float] = []

    async def note(reached: float) -> None:
        reports.append(reached)

    assert await recognise(SAMPLE, LIMITS, on_progress=note) == sample
    assert reports == sorted(reports)
    assert reports[-1] > 0.5
    assert all(0 <= reached <= 1 for reached in reports)


async def test_a_video_in_which_nobody_speaks_has_an_empty_transcript(tmp_path: Path) -> None:
    found = await transcript_of(silence(tmp_path / "silence.wav", 5))
    assert (found.words, found.duration) == ((), 5.0)
    assert make_track(found).quality.passed


async def test_a_cancelled_recognition_stops_its_child_at_once(tmp_path: Path) -> None:
    before = children()
    started = asyncio.Event()

    async def note(_: float) -> None:
        started.set()

    long = speech(tmp_path / "long.wav", 600)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(recognise(long, LIMITS, on_progress=note))
        await started.wait()
        assert len(children() - before) == 1
        cancelled = monotonic()
        task.cancel()
    assert monotonic() - cancelled < 1
    assert children() == before


async def test_each_refusal_of_the_child_is_the_same_refusal_here(tmp_path: Path) -> None:
    with pytest.raises(VideoHasNoSound, match="no sound track"):
        await transcript_of(make_media(tmp_path / "mute.mp4", sound=False))
    (tmp_path / "text.mp4").write_text("Dear diary")
    with pytest.raises(UndecodableVideo, match="cannot be read"):
        await transcript_of(tmp_path / "text.mp4")


async def test_recognition_that_outlasts_its_time_is_refused(tmp_path: Path) -> None:
    long = speech(tmp_path / "long.wav", 600)
    with pytest.raises(RecognitionTooSlow, match=r"more than 0\.5 s"):
        await transcript_of(long, Limits(1024**3, cpu_seconds=120, wall_seconds=0.5))


async def test_recognition_that_uses_up_its_cpu_time_is_refused(tmp_path: Path) -> None:
    long = speech(tmp_path / "long.wav", 600)
    with pytest.raises(RecognitionTooSlow):
        await transcript_of(long, Limits(1024**3, cpu_seconds=2, wall_seconds=120))


async def test_recognition_that_needs_too_much_memory_is_refused() -> None:
    with pytest.raises(RecognitionTooLarge, match="293601280 bytes"):
        await transcript_of(SAMPLE, Limits(280 * 1024**2, cpu_seconds=60, wall_seconds=60))


async def test_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    """The model needs 380 MB of address space; three hours of samples would need 345 MB more."""
    long = silence(tmp_path / "long.wav", 3 * 3600)
    found = await transcript_of(long, Limits(600 * 1024**2, cpu_seconds=120, wall_seconds=120))
    assert found.duration == 3 * 3600


async def test_a_decoder_that_crashes_on_a_video_makes_it_undecodable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extraction, "_CHILD", "tests.support.child_that_crashes")
    with pytest.raises(UndecodableVideo, match="crashed the decoder"):
        await transcript_of(SAMPLE)


async def test_a_missing_file_is_no_fault_of_the_video(tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match="FileNotFoundError"):
        await transcript_of(tmp_path / "missing.mp4")
