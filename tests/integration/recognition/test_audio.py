"""Sound is decoded in step with the video, whatever the container, and damage is survived."""

import random
import wave
from contextlib import suppress
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from jobs_service.recognition.audio import Audio
from jobs_service.recognition.domain import UndecodableVideo
from jobs_service.recognition.sound import SAMPLE_RATE, Sound
from jobs_service.videos.domain import VideoHasNoSound
from tests.integration.recognition.media import TONE, write_tone
from tests.support.media import make_media


def sounds(path: Path) -> list[Sound]:
    with Audio(path) as audio:
        return list(audio.sounds())


def heard_seconds(found: list[Sound]) -> float:
    return sum(len(sound.pcm) for sound in found) / 2 / SAMPLE_RATE


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm", "avi", "ts", "flv", "ogg", "wav", "mp3"])
def test_every_usual_container_is_decoded(tmp_path: Path, suffix: str) -> None:
    picture = suffix not in {"ogg", "wav", "mp3"}
    found = sounds(make_media(tmp_path / f"video.{suffix}", seconds=3, picture=picture))
    assert heard_seconds(found) == pytest.approx(3, abs=0.15)
    assert found[0].start == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(
    ("rate", "layout"), [(44_100, "stereo"), (48_000, "5.1"), (8_000, "mono"), (16_000, "mono")]
)
def test_any_rate_and_layout_becomes_16_khz_mono(tmp_path: Path, rate: int, layout: str) -> None:
    found = sounds(write_tone(tmp_path / "tone.mkv", rate=rate, layout=layout))
    samples = np.frombuffer(b"".join(sound.pcm for sound in found), np.int16)
    assert len(samples) == pytest.approx(SAMPLE_RATE, abs=20)
    loudest = np.argmax(np.abs(np.fft.rfft(samples))) * SAMPLE_RATE / len(samples)
    assert loudest == pytest.approx(TONE, abs=2)


def test_sound_that_starts_late_keeps_its_time(tmp_path: Path) -> None:
    found = sounds(write_tone(tmp_path / "late.mkv", starts=(1.5,), picture_from=0.0))
    assert found[0].start == pytest.approx(1.5, abs=0.01)


def test_times_count_from_the_start_of_the_container(tmp_path: Path) -> None:
    """As players do: the first of all streams is at zero (MPEG-TS often starts at 1.4 s)."""
    found = sounds(write_tone(tmp_path / "offset.mkv", starts=(5.5,), picture_from=5.0))
    assert found[0].start == pytest.approx(0.5, abs=0.01)


def test_a_hole_in_the_sound_keeps_what_follows_in_step(tmp_path: Path) -> None:
    found = sounds(write_tone(tmp_path / "hole.mkv", starts=(0.0, 10.0)))
    assert heard_seconds(found) == pytest.approx(2, abs=0.01)
    assert any(sound.start == pytest.approx(10.0, abs=0.01) for sound in found)
    assert found[-1].end == pytest.approx(11.0, abs=0.01)


def test_a_hole_of_days_costs_nothing(tmp_path: Path) -> None:
    found = sounds(write_tone(tmp_path / "days.mkv", starts=(0.0, 500_000.0)))
    assert heard_seconds(found) == pytest.approx(2, abs=0.01)


def test_sound_whose_kind_changes_on_the_way_is_decoded_to_its_end(tmp_path: Path) -> None:
    both = b""
    for rate, layout in ((44_100, "stereo"), (16_000, "mono")):
        part = tmp_path / f"{rate}.aac"
        with av.open(str(part), "w", format="adts") as container:
            stream = container.add_stream("aac", rate=rate, layout=layout)
            width = rate * 2 * stream.codec_context.channels
            frame = av.AudioFrame.from_ndarray(np.zeros((1, width), np.int16), "s16", layout)
            frame.sample_rate, frame.pts = rate, 0
            container.mux([*stream.encode(frame), *stream.encode(None)])
        both += part.read_bytes()
    joined = tmp_path / "both.aac"
    joined.write_bytes(both)
    assert heard_seconds(sounds(joined)) == pytest.approx(4, abs=0.2)


def test_of_a_file_that_breaks_off_the_beginning_is_kept(tmp_path: Path) -> None:
    whole = make_media(tmp_path / "whole.mp4", seconds=4, faststart=True).read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) * 6 // 10])
    assert 1 < heard_seconds(sounds(tmp_path / "half.mp4")) < 3


def test_damage_in_the_middle_leaves_the_rest_in_step(tmp_path: Path) -> None:
    hurt = bytearray(make_media(tmp_path / "whole.mp4", seconds=4, faststart=True).read_bytes())
    middle = (hurt.index(b"mdat") + len(hurt)) // 2
    hurt[middle : middle + 3000] = random.Random(1).randbytes(3000)
    (tmp_path / "hurt.mp4").write_bytes(hurt)
    found = sounds(tmp_path / "hurt.mp4")
    assert heard_seconds(found) > 3
    assert found[-1].end == pytest.approx(4, abs=0.1)


def test_a_sound_track_of_nothing_but_noise_is_refused(tmp_path: Path) -> None:
    hurt = bytearray(make_media(tmp_path / "whole.mp4", faststart=True).read_bytes())
    data = hurt.index(b"mdat") + 4
    hurt[data:] = bytes(len(hurt) - data)
    (tmp_path / "hurt.mp4").write_bytes(hurt)
    with pytest.raises(UndecodableVideo, match="cannot be decoded: Invalid data"):
        sounds(tmp_path / "hurt.mp4")


def test_more_channels_than_can_be_mixed_are_refused(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "many.wav"), "wb") as file:
        file.setparams((255, 2, 44_100, 0, "NONE", ""))
        file.writeframes(bytes(255 * 2 * 44_100))
    with pytest.raises(UndecodableVideo, match="cannot be decoded"):
        sounds(tmp_path / "many.wav")


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "flv", "avi"])
def test_whatever_bytes_are_changed_the_answer_is_sound_or_a_refusal(
    tmp_path: Path, suffix: str
) -> None:
    """MemoryError too: a size that the file only claims ends the child as out of memory."""
    dice = random.Random(5)
    whole = make_media(tmp_path / f"whole.{suffix}", seconds=1).read_bytes()
    for _ in range(40):
        hurt = bytearray(whole)
        for _ in range(dice.choice([1, 5, 30])):
            hurt[dice.randrange(min(len(hurt), 4000))] = dice.randrange(256)
        (tmp_path / f"hurt.{suffix}").write_bytes(hurt)
        with (
            suppress(VideoHasNoSound, UndecodableVideo, MemoryError),
            Audio(tmp_path / f"hurt.{suffix}") as audio,
        ):
            for sound in islice(audio.sounds(), 1000):
                assert sound.start >= 0


def test_an_unknown_codec_is_refused_by_name(tmp_path: Path) -> None:
    known = make_media(tmp_path / "known.mkv").read_bytes()
    (tmp_path / "unknown.mkv").write_bytes(known.replace(b"A_AAC", b"A_ZZZ"))
    with pytest.raises(UndecodableVideo, match="Decoder not found"):
        sounds(tmp_path / "unknown.mkv")


def test_a_video_without_a_sound_track_has_no_sound(tmp_path: Path) -> None:
    with pytest.raises(VideoHasNoSound, match="no sound track"):
        sounds(make_media(tmp_path / "mute.mp4", sound=False))


def test_an_empty_sound_track_is_no_sound(tmp_path: Path) -> None:
    with pytest.raises(VideoHasNoSound, match="is empty"):
        sounds(write_tone(tmp_path / "empty.mkv", starts=(), picture_from=0.0))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Dear diary, this is no video.\n" * 100,
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile good.mkv\n",
        b"v=0\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
    ],
    ids=["empty", "text", "HLS playlist", "concat script", "SDP"],
)
def test_what_is_no_media_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Playlists and scripts too: they could make the decoder read other files, or the network."""
    write_tone(tmp_path / "good.mkv")
    (tmp_path / "bad.mp4").write_bytes(content)
    with pytest.raises(UndecodableVideo) as refusal:
        sounds(tmp_path / "bad.mp4")
    assert str(tmp_path) not in refusal.value.detail


def test_a_missing_file_is_our_fault_and_not_the_videos(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sounds(tmp_path / "missing.mp4")
