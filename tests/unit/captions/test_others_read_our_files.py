"""Programs of others read our files: ttconv (TTML, SubRip, WebVTT) and webvtt-py."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings

from jobs_service.captions.domain import Cue, Transcript
from jobs_service.captions.formats import FORMATS, JOINER
from jobs_service.captions.quality import assess
from jobs_service.captions.rules import rules_for
from jobs_service.captions.track import Track
from tests.support.any_cues import any_cues
from tests.support.caption_programs import Seen, by_imsc, by_srt, by_vtt, by_webvtt


def written(cues: tuple[Cue, ...], extension: str) -> bytes:
    track = Track(Transcript("en", "import", 9.0, ()), cues, assess(cues, rules_for("en")))
    return FORMATS[extension].write(track)


def as_kept(cues: tuple[Cue, ...]) -> Seen:
    return [(round(cue.start * 1000), round(cue.end * 1000), list(cue.lines)) for cue in cues]


@pytest.mark.parametrize(
    ("extension", "read"), [("ttml", by_imsc), ("vtt", by_vtt), ("vtt", by_webvtt)]
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(cues=any_cues())
def test_a_program_of_others_reads_what_was_said_and_when(
    extension: str, read: Callable[[bytes], Seen], cues: tuple[Cue, ...]
) -> None:
    assert read(written(cues, extension)) == as_kept(cues)


def test_subrip_shows_as_text_what_others_would_take_for_markup() -> None:
    said = ("a <b>bold</b> claim", "{\\an8} 1 --> 2", "마당 3 < 4")
    assert by_srt(written((Cue(1.0, 2.5, said),), "srt")) == [
        (
            1000,
            2500,
            [f"a <{JOINER}b>bold<{JOINER}/b> claim", f"{{{JOINER}\\an8}} 1 --{JOINER}> 2",
             "마당 3 < 4"],
        )
    ]  # fmt: skip
