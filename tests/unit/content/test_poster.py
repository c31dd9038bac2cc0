"""Which picture stands for a video, and how it is drawn; in this process, on real films."""

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest

from content_service.videos.media_types import HEAD_BYTES, recognise
from content_service.videos.probe_child import main
from content_service.videos.probe_messages import ProbeResult, ProbeTask
from tests.support.media import make_film, make_media

Picture = np.ndarray
RED, BLUE, GREEN = (220, 30, 30), (30, 30, 220), (30, 200, 30)


def plain(colour: Sequence[int], width: int = 64, height: int = 48) -> Picture:
    return np.full((height, width, 3), colour, dtype=np.uint8)


def halves(left: Sequence[int], right: Sequence[int], width: int = 64, height: int = 48) -> Picture:
    picture = plain(left, width, height)
    picture[:, width // 2 :] = right
    return picture


BLACK = plain((0, 0, 0))
SCENE = halves((230, 230, 230), RED)


def examined(path: Path) -> ProbeResult:
    with path.open("rb") as file:
        demuxer = recognise(file.read(HEAD_BYTES)).demuxer
    return main(msgspec.json.encode(ProbeTask(str(path), demuxer, 3600, 8)))


def poster_of(path: Path) -> Picture:
    """The poster as rows of red, green, blue."""
    jpeg = examined(path).poster
    assert jpeg is not None
    with av.open(io.BytesIO(jpeg), "r", format="jpeg_pipe") as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def corner(picture: Picture, row: int, column: int) -> list[int]:
    """The colour two pixels from a corner: 0 is the top or left, -1 the bottom or right."""
    found = picture[2 if row == 0 else -3, 2 if column == 0 else -3]
    return [int(value) for value in found]


def is_like(found: Sequence[int], colour: Sequence[int]) -> bool:
    return all(abs(one - other) < 40 for one, other in zip(found, colour, strict=True))


def test_black_at_the_begin_is_passed_over(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mp4", [BLACK] * 4 + [SCENE] * 96)
    assert is_like(corner(poster_of(film), 0, -1), RED)


def test_what_comes_after_the_first_tenth_is_not_told(tmp_path: Path) -> None:
    ending = halves((255, 255, 255), GREEN)
    film = make_film(tmp_path / "a.mp4", [SCENE] * 20 + [ending] * 80)
    assert is_like(corner(poster_of(film), 0, -1), RED)


def test_of_dull_pictures_the_one_with_most_to_see_is_taken(tmp_path: Path) -> None:
    dim = halves((0, 0, 0), (24, 24, 24))
    film = make_film(tmp_path / "a.mp4", [BLACK] * 8 + [dim] * 92)
    assert corner(poster_of(film), 0, -1)[0] > 8


def test_a_film_that_is_black_throughout_has_a_black_poster(tmp_path: Path) -> None:
    assert poster_of(make_film(tmp_path / "a.mp4", [BLACK] * 5)).max() < 16


@pytest.mark.parametrize(
    ("rotation", "shape", "top_left"),
    [(0, (48, 64), RED), (90, (64, 48), BLUE), (-90, (64, 48), RED), (180, (48, 64), BLUE)],
)
def test_it_is_turned_as_the_video_is_shown(
    tmp_path: Path, rotation: int, shape: tuple[int, int], top_left: Sequence[int]
) -> None:
    film = make_film(tmp_path / "a.mp4", [halves(RED, BLUE)] * 5, rotation=rotation)
    poster = poster_of(film)
    assert poster.shape[:2] == shape
    assert is_like(corner(poster, 0, 0), top_left)
    facts = examined(film).facts
    assert facts is not None
    assert (facts.height, facts.width) == shape


def test_its_pixels_are_square(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mp4", [SCENE] * 5, sample_aspect=Fraction(16, 9))
    assert poster_of(film).shape[:2] == (48, 114)
    facts = examined(film).facts
    assert facts is not None
    assert (facts.width, facts.height) == (114, 48)


@pytest.mark.parametrize(
    ("size", "shown"), [((1920, 1080), (640, 360)), ((90, 1600), (72, 1280)), ((64, 48), (64, 48))]
)
def test_it_is_small_and_never_larger_than_the_video(
    tmp_path: Path, size: tuple[int, int], shown: tuple[int, int]
) -> None:
    film = make_film(tmp_path / "a.mp4", [halves(RED, BLUE, *size)] * 2)
    assert poster_of(film).shape[1::-1] == shown


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.ts", "a.webm", "a.avi"])
def test_every_container_gives_one(tmp_path: Path, name: str) -> None:
    assert poster_of(make_media(tmp_path / name)).shape == (48, 64, 3)


def test_a_recording_has_none(tmp_path: Path) -> None:
    assert examined(make_media(tmp_path / "a.mp3", picture=False)).poster is None


def test_the_same_file_gives_the_same_poster(tmp_path: Path) -> None:
    film = make_media(tmp_path / "a.mp4")
    assert examined(film).poster == examined(film).poster


def test_the_rate_of_its_frames_is_told(tmp_path: Path) -> None:
    facts = examined(make_media(tmp_path / "a.mp4")).facts
    assert facts is not None
    assert facts.frame_rate == 10
