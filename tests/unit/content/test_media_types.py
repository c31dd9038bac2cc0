"""Types are told by content."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from content_service.videos.media_types import (
    HEAD_BYTES,
    MediaType,
    UnsupportedMedia,
    demuxer_of,
    recognise,
)
from tests.support.media import make_media


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.mp4", "video/mp4"),
        ("a.mov", "video/quicktime"),
        ("a.webm", "video/webm"),
        ("a.mkv", "video/x-matroska"),
        ("a.avi", "video/x-msvideo"),
        ("a.ts", "video/mp2t"),
    ],
)
def test_videos_are_recognised(tmp_path: Path, name: str, content_type: str) -> None:
    head = make_media(tmp_path / name, seconds=0.5).read_bytes()[:HEAD_BYTES]
    assert recognise(head).content_type == content_type


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.m4a", "audio/mp4"),
        ("a.ogg", "application/ogg"),
        ("a.wav", "audio/wav"),
        ("a.mp3", "audio/mpeg"),
    ],
)
def test_recordings_are_recognised(tmp_path: Path, name: str, content_type: str) -> None:
    head = make_media(tmp_path / name, seconds=0.5, picture=False).read_bytes()[:HEAD_BYTES]
    assert recognise(head).content_type == content_type


def test_an_mp3_without_tags_is_recognised() -> None:
    assert recognise(b"\xff\xfb\x90\x64" + b"\0" * 400).content_type == "audio/mpeg"


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"Dear diary, today I renamed a text to holiday.mp4.", "a text"),
        ("마당은 집 안의 뜰이다.".encode() * 200, "a text"),
        (("가" * 2000).encode()[:HEAD_BYTES], "a text"),
        (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n", "a text"),
        (b"%PDF-1.7\n\xe2\xe3", "something else"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "something else"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "something else"),
        (b"PK\x03\x04\x14\0", "something else"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "something else"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "something else"),
        (b"G" + b"\0" * 187 + b"x" + b"\0" * 187, "something else"),
    ],
)
def test_what_is_no_media_is_refused_and_named(head: bytes, what: str) -> None:
    with pytest.raises(UnsupportedMedia, match=f"this file is {what}"):
        recognise(head)


@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_are_either_recognised_or_refused(head: bytes) -> None:
    try:
        found = recognise(head)
    except UnsupportedMedia:
        return
    assert isinstance(found, MediaType)
    assert demuxer_of(found.content_type) == found.demuxer
