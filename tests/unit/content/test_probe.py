"""What examining a file finds, and why it rejects; in this process, on real files."""

from pathlib import Path

import msgspec
import pytest

from content_service.videos.domain import MediaFacts, Reason
from content_service.videos.media_types import HEAD_BYTES, recognise
from content_service.videos.probe_child import main
from content_service.videos.probe_messages import ProbeResult, ProbeTask
from tests.support.media import make_media


def examine(path: Path, *, max_seconds: float = 60, max_streams: int = 8) -> ProbeResult:
    with path.open("rb") as file:
        demuxer = recognise(file.read(HEAD_BYTES)).demuxer
    return main(msgspec.json.encode(ProbeTask(str(path), demuxer, max_seconds, max_streams)))


def facts_of(path: Path) -> MediaFacts:
    facts = examine(path).facts
    assert facts is not None
    return facts


def rejection_of(result: ProbeResult) -> Reason:
    assert result.rejection is not None
    return result.rejection


@pytest.mark.parametrize(
    ("name", "video_codec", "audio_codec"),
    [
        ("a.mp4", "h264", "aac"),
        ("a.mov", "h264", "aac"),
        ("a.mkv", "h264", "aac"),
        ("a.ts", "h264", "aac"),
        ("a.webm", "vp9", "opus"),
        ("a.avi", "mpeg4", "mp3float"),
    ],
)
def test_a_video_is_described(
    tmp_path: Path, name: str, video_codec: str, audio_codec: str
) -> None:
    found = facts_of(make_media(tmp_path / name))
    assert (found.width, found.height) == (64, 48)
    assert (found.video_codec, found.audio_codec) == (video_codec, audio_codec)
    assert found.duration_seconds == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.ogg", "a.m4a"])
def test_a_recording_has_sound_and_no_size(tmp_path: Path, name: str) -> None:
    found = facts_of(make_media(tmp_path / name, picture=False))
    assert found.has_audio
    assert (found.width, found.height, found.video_codec) == (None, None, None)
    assert found.duration_seconds == pytest.approx(2, abs=0.2)


def test_a_video_without_sound_has_none(tmp_path: Path) -> None:
    assert not facts_of(make_media(tmp_path / "a.mp4", sound=False)).has_audio


def test_a_single_frame_is_a_video(tmp_path: Path) -> None:
    found = facts_of(make_media(tmp_path / "a.mp4", seconds=0.1, sound=False))
    assert found.duration_seconds == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_file_cut_in_the_middle_is_rejected(tmp_path: Path, name: str) -> None:
    path = make_media(tmp_path / name, seconds=8, faststart=name == "a.mp4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert rejection_of(examine(path)).code == "truncated"


def test_an_avi_that_was_cut_lasts_as_long_as_what_is_left(tmp_path: Path) -> None:
    path = make_media(tmp_path / "a.avi", seconds=8)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 2 < facts_of(path).duration_seconds < 6


def test_padding_after_an_mp4_does_no_harm(tmp_path: Path) -> None:
    path = make_media(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes() + b"\0" * 1000)
    assert facts_of(path).has_audio


def test_an_mp4_whose_index_is_cut_off_is_rejected(tmp_path: Path) -> None:
    path = make_media(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[:-1000])
    reason = rejection_of(examine(path))
    assert reason.code == "truncated"
    assert "cut off" in reason.text


def test_a_file_that_only_begins_like_a_video_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"\0\0\0\x18ftypmp42" + b"not a video at all" * 1000)
    assert rejection_of(examine(path)).code == "not_media"


def test_noise_in_place_of_the_picture_is_rejected(tmp_path: Path) -> None:
    path = make_media(tmp_path / "a.mp4", sound=False)
    content = bytearray(path.read_bytes())
    at = content.index(b"mdat") + 4
    content[at : content.index(b"moov") - 4] = b"\xff" * (content.index(b"moov") - 4 - at)
    path.write_bytes(content)
    assert rejection_of(examine(path)).code == "not_media"


def test_what_lasts_too_long_is_rejected_with_the_limit(tmp_path: Path) -> None:
    path = make_media(tmp_path / "a.mp4", seconds=4)
    assert rejection_of(examine(path, max_seconds=3)).code == "too_long"


def test_what_lasts_too_long_without_saying_so_is_rejected(tmp_path: Path) -> None:
    path = make_media(tmp_path / "a.ts", seconds=4)
    assert rejection_of(examine(path, max_seconds=3)).code == "too_long"


def test_too_many_streams_are_rejected(tmp_path: Path) -> None:
    path = make_media(tmp_path / "a.mkv", seconds=0.5, sound_tracks=9)
    assert rejection_of(examine(path)).code == "too_many_streams"


def test_a_playlist_is_never_followed(tmp_path: Path) -> None:
    secret = make_media(tmp_path / "secret.ts")
    playlist = tmp_path / "playlist.mp4"
    playlist.write_text(f"#EXTM3U\n#EXTINF:2,\n{secret}\n#EXT-X-ENDLIST\n")
    task = ProbeTask(str(playlist), "mov", 60, 8)
    assert rejection_of(main(msgspec.json.encode(task))).code == "not_media"
