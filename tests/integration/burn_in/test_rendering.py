"""Captions in the picture: where they are, and that nothing else is touched."""

import asyncio
import random
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from jobs_service.burn_in.domain import (
    Rendered,
    RenderingTooLarge,
    RenderingTooSlow,
    UndecodablePicture,
)
from jobs_service.burn_in.render_child import render as rendered_here
from jobs_service.burn_in.rendering import CHILD, render
from jobs_service.captions.domain import Cue
from jobs_service.videos.domain import VideoHasNoPicture
from shared.runtime.children import Limits
from tests.integration.burn_in.films import (
    CUES,
    difference,
    film,
    odd_film,
    packets,
    pictures,
    seen,
    task,
)
from tests.support.media import make_film, make_media

LIMITS = Limits(memory_bytes=2 * 1024**3, cpu_seconds=60, wall_seconds=60)
NOISE = 6.0
"""What a codec may change, in steps of 256."""


async def nothing(_: float) -> None:
    """Does not mind how far it is."""


async def test_letters_are_in_the_picture_during_a_cue_and_nowhere_else(tmp_path: Path) -> None:
    source, copy, told = film(tmp_path / "film.mp4"), tmp_path / "copy", []

    async def on_progress(reached: float) -> None:
        told.append(reached)

    assert await render(task(source, copy), on_progress, LIMITS) == Rendered(20, 320, 240)
    before, after = seen(source), seen(copy)
    assert [at for at, _ in after] == pytest.approx([at for at, _ in before], abs=0.001)
    for (at, was), (_, now) in zip(before, after, strict=True):
        bottom, rest = slice(180, 240), slice(0, 180)
        assert difference(was[rest], now[rest]) < NOISE, at
        if 0.5 <= at < 1.0:
            assert now[bottom].max() > 225 > was[bottom].max(), at
            assert now[bottom].min() < 25 < was[bottom].min(), at
        else:
            assert difference(was[bottom], now[bottom]) < NOISE, at
    assert told
    assert told == sorted(told)


def test_sound_is_passed_on_as_it_is(tmp_path: Path) -> None:
    for suffix in (".mp4", ".mkv", ".webm"):
        source = make_media(tmp_path / f"talk{suffix}")
        rendered_here(task(source, tmp_path / "copy"))
        assert packets(tmp_path / "copy") == packets(source), suffix


@pytest.mark.parametrize("suffix", [".avi", ".ts"])
def test_sound_and_picture_stay_together(tmp_path: Path, suffix: str) -> None:
    source = make_media(tmp_path / f"talk{suffix}")
    rendered_here(task(source, tmp_path / "copy"))
    with av.open(str(tmp_path / "copy")) as copy:
        assert copy.streams.video[0].codec_context.codec.canonical_name == "h264"
        assert copy.streams.audio[0].codec_context.codec.canonical_name in {"aac", "mp3"}
        starts = [float((one.start_time or 0) * (one.time_base or 0)) for one in copy.streams]
        assert abs(starts[0] - starts[1]) < 0.15
        assert (copy.duration or 0) / av.time_base == pytest.approx(2.0, abs=0.15)


def test_sound_that_an_mp4_cannot_hold_becomes_aac_of_the_same_length(tmp_path: Path) -> None:
    source = tmp_path / "talk.mkv"
    tone = np.sin(np.arange(96_000) * 2 * np.pi * 440 / 48_000) * 8_000
    with av.open(str(source), "w") as container:
        picture = container.add_stream("libx264", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=48_000, layout="stereo")
        for number in range(20):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(picture.encode(frame))
        both = np.repeat(tone.astype(np.int16), 2).reshape(1, -1)
        heard = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
        heard.sample_rate, heard.pts, heard.time_base = 48_000, 0, Fraction(1, 48_000)
        container.mux(sound.encode(heard))
        container.mux([*picture.encode(), *sound.encode()])
    rendered_here(task(source, tmp_path / "copy"))
    with av.open(str(tmp_path / "copy")) as copy:
        stream = copy.streams.audio[0]
        assert (stream.codec_context.name, stream.rate, stream.channels) == ("aac", 48_000, 2)
        samples = np.concatenate([one.to_ndarray()[0] for one in copy.decode(audio=0)])
        assert len(samples) == pytest.approx(96_000, abs=2_100)
        assert np.abs(samples[20_000:70_000]).max() == pytest.approx(8_000 / 32_768, rel=0.1)


@pytest.mark.parametrize(("rotation", "quarters"), [(90, 1), (-90, -1), (180, 2)])
def test_a_turned_film_is_upright_in_the_copy(tmp_path: Path, rotation: int, quarters: int) -> None:
    source = film(tmp_path / "film.mp4", rotation=rotation)
    rendered_here(task(source, tmp_path / "copy"))
    before, after = seen(source), seen(tmp_path / "copy")
    upright = np.rot90(before[2][1], quarters)
    assert difference(upright, after[2][1]) < NOISE
    with_letters, height = after[7][1], after[7][1].shape[0]
    assert with_letters[height * 3 // 4 :].max() > 225 > with_letters[: height // 2].max()
    with av.open(str(tmp_path / "copy")) as copy:
        assert next(copy.decode(video=0)).rotation == 0


def test_pixels_that_are_not_square_are_square_in_the_copy(tmp_path: Path) -> None:
    source = film(tmp_path / "film.mp4", sample_aspect=Fraction(4, 3))
    made = rendered_here(task(source, tmp_path / "copy"))
    assert (made.width, made.height) == (426, 240)
    with av.open(str(tmp_path / "copy")) as copy:
        assert copy.streams.video[0].sample_aspect_ratio in {None, Fraction(1), Fraction(0)}


@pytest.mark.parametrize(("width", "height"), [(321, 241), (320, 241), (5, 5)])
def test_of_an_odd_picture_a_row_or_column_goes_and_the_rest_stays_sharp(
    tmp_path: Path, width: int, height: int
) -> None:
    source = odd_film(tmp_path / "screen.mkv", width, height)
    made = rendered_here(task(source, tmp_path / "copy"))
    even = width // 2 * 2, height // 2 * 2
    assert (made.width, made.height) == even
    before, after = seen(source)[2][1], seen(tmp_path / "copy")[2][1]
    assert difference(before[: even[1], : even[0]], after) < NOISE or width < 6


def test_pictures_keep_their_own_times(tmp_path: Path) -> None:
    source, at = tmp_path / "screen.mkv", [0, 100, 150, 900, 1000, 2000]
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for picture, milliseconds in zip(pictures(), at, strict=False):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = milliseconds, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    rendered_here(task(source, tmp_path / "copy"))
    assert [round(time * 1000) for time, _ in seen(tmp_path / "copy")] == at


def test_a_copy_of_a_film_that_is_cut_off_is_as_long_as_the_film(tmp_path: Path) -> None:
    whole = make_media(tmp_path / "talk.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    made = rendered_here(task(tmp_path / "cut.mkv", tmp_path / "copy"))
    assert 2 <= made.frames < 20


def test_damage_in_the_middle_costs_no_more_than_its_pictures(tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mkv", pictures())
    content = bytearray(source.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 40] = random.Random(1).randbytes(40)
    (tmp_path / "damaged.mkv").write_bytes(content)
    made = rendered_here(task(tmp_path / "damaged.mkv", tmp_path / "copy"))
    assert 15 <= made.frames <= 20


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(random.Random(2).randbytes(10_000))
    with pytest.raises(UndecodablePicture):
        rendered_here(task(tmp_path / "noise", tmp_path / "copy"))


def test_a_playlist_is_not_followed(tmp_path: Path) -> None:
    film(tmp_path / "film.mp4")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:2,\nfilm.mp4\n#EXT-X-ENDLIST\n")
    with pytest.raises(UndecodablePicture):
        rendered_here(task(tmp_path / "list.m3u8", tmp_path / "copy"))


async def test_sound_alone_is_refused_by_the_child(tmp_path: Path) -> None:
    source = make_media(tmp_path / "talk.mp4", picture=False)
    with pytest.raises(VideoHasNoPicture):
        await render(task(source, tmp_path / "copy"), nothing, LIMITS)


async def test_a_child_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    source = film(tmp_path / "film.mp4")
    short = Limits(LIMITS.memory_bytes, LIMITS.cpu_seconds, 0.02)
    with pytest.raises(RenderingTooSlow):
        await render(task(source, tmp_path / "copy"), nothing, short)


async def test_a_child_that_needs_too_much_memory_is_told_apart(tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mp4", pictures(3840, 2160, 3))
    small = Limits(450 * 1024**2, LIMITS.cpu_seconds, LIMITS.wall_seconds)
    with pytest.raises(RenderingTooLarge):
        await render(task(source, tmp_path / "copy"), nothing, small)


async def test_who_cancels_leaves_no_child(tmp_path: Path) -> None:
    source = make_film(tmp_path / "film.mp4", pictures(640, 360, 100))
    begun = asyncio.Event()

    async def on_progress(_: float) -> None:
        begun.set()

    cues = (Cue(0, 9, CUES[0].lines),)
    rendering = asyncio.create_task(
        render(task(source, tmp_path / "copy", cues), on_progress, LIMITS)
    )
    await asyncio.wait_for(begun.wait(), 30)
    rendering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await rendering
    running = [one.cmdline() for one in psutil.Process().children(recursive=True)]
    assert not [one for one in running if CHILD in one]
