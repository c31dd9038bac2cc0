"""Which letters can be drawn, and with what."""

import numpy as np
import pylopdf_fonts_ko
import pytest
from av.video.frame import VideoFrame

from jobs_service.burn_in.domain import CaptionsNotDrawable, NothingToBurnIn
from jobs_service.burn_in.fonts import Fitting, Fonts
from jobs_service.burn_in.kind import require_drawable
from jobs_service.burn_in.lettering import Lettering
from jobs_service.captions.domain import Cue

SANS = (str(pylopdf_fonts_ko.sans_path()),)


@pytest.mark.parametrize(
    "line",
    [
        "Good morning, Zoë!",
        "안녕하세요, 뷁",
        "日本語 かな カナ",
        "Tiếng Việt",
        "Доброе утро",
        "♪ … – “50 €” •",
    ],
)
def test_the_included_font_draws_what_we_make_captions_of(line: str) -> None:
    assert Fonts(SANS).fitting(line) == Fitting(0, line)


def test_a_sign_that_no_font_has_is_left_out_and_told() -> None:
    fonts = Fonts(SANS)
    assert fonts.fitting("well done 😀") == Fitting(0, "well done ")
    assert fonts.left_out(["well done 😀", "🎉", "plain"]) == ["🎉", "😀"]


def test_letters_that_no_font_has_are_named() -> None:
    cues = [Cue(0, 1, ("fine",)), Cue(1, 2, ("สวัสดี",))]
    with pytest.raises(CaptionsNotDrawable, match=r"No font here has .*ส.*BURN_IN_FONTS"):
        require_drawable(cues, SANS)


def test_a_track_without_cues_has_nothing_to_draw() -> None:
    with pytest.raises(NothingToBurnIn):
        require_drawable([], SANS)


def test_the_first_font_with_all_the_letters_is_used() -> None:
    fonts = Fonts((str(pylopdf_fonts_ko.serif_path()), *SANS))
    fitting = fonts.fitting("안녕")
    assert fitting == Fitting(0, "안녕")


def grey(width: int, height: int) -> VideoFrame:
    frame = VideoFrame(width, height, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([128]) * plane.buffer_size)
    return frame


@pytest.mark.parametrize(
    ("width", "height"), [(64, 48), (640, 360), (1080, 1920), (2, 2), (16, 640)]
)
def test_letters_stay_within_any_picture(width: int, height: int) -> None:
    lettering = Lettering(Fonts(SANS), width, height)
    lines = (
        "a long line of captions that has forty two c",
        "안녕하세요",
        "supercalifragilistic" * 5,
    )
    frame = grey(width, height)
    overlay = lettering.drawn(lines)
    assert overlay is not None
    overlay.lay_over(frame)
    luma = frame.to_ndarray()[:height]
    assert luma.max() > 128 or width < 16
    assert width < 64 or height < 64 or (luma[: height // 8] == 128).all()


def test_letters_are_white_and_their_outline_black() -> None:
    frame = grey(640, 360)
    overlay = Lettering(Fonts(SANS), 640, 360).drawn(("HHHHHHH",))
    assert overlay is not None
    overlay.lay_over(frame)
    luma = frame.to_ndarray()[:360]
    assert (int(luma.max()), int(luma.min())) == (235, 16)
    changed = np.argwhere(luma != 128)
    assert changed[:, 0].min() > 300
    assert abs((changed[:, 1].min() + changed[:, 1].max()) / 2 - 320) < 4


def test_a_line_of_signs_that_are_left_out_draws_nothing() -> None:
    assert Lettering(Fonts(SANS), 640, 360).drawn(("😀",)) is None
