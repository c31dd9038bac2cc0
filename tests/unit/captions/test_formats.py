"""Each format says what the track says: small strict parsers read back what is written."""

import html
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_service.captions.domain import Cue, Transcript, Word
from jobs_service.captions.formats import (
    FORMATS,
    JOINER,
    CaptionFile,
    plain_text,
    subrip,
    webvtt,
)
from jobs_service.captions.quality import assess
from jobs_service.captions.rules import rules_for
from jobs_service.captions.track import Track, make_track
from tests.unit.captions.spoken import any_words

TIMES = re.compile(r"(\d{2,}):(\d\d):(\d\d)([.,])(\d{3}) --> (\d{2,}):(\d\d):(\d\d)\4(\d{3})")


def track(*cues: Cue) -> Track:
    return Track(Transcript("en", "sphinx", 9.0, ()), cues, assess(cues, rules_for("en")))


def track_of(words: list[Word]) -> Track:
    return make_track(Transcript("en", "sphinx", 9.0, tuple(words)))


def seconds(hours: str, minutes: str, rest: str, ms: str) -> float:
    assert int(minutes) < 60
    assert int(rest) < 60
    return (int(hours) * 3_600_000 + int(minutes) * 60_000 + int(rest) * 1000 + int(ms)) / 1000


def read_cue(lines: list[str], point: str) -> Cue:
    times, *text = lines
    found = TIMES.fullmatch(times)
    assert found is not None
    assert found[4] == point
    assert text
    assert not [line for line in text if "-->" in line or re.match(r"</?[a-z]", line)]
    return Cue(seconds(*found.group(1, 2, 3, 5)), seconds(*found.group(6, 7, 8, 9)), tuple(text))


def read_webvtt(file: bytes) -> list[Cue]:
    """Source: WebVTT (W3C), section 4.1: header, blank line, cues parted by blank lines."""
    header, *blocks = file.decode().removesuffix("\n").split("\n\n")
    assert header == "WEBVTT"
    cues = [read_cue(block.split("\n"), ".") for block in blocks]
    for cue in cues:
        assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", cue.text)
    return [Cue(cue.start, cue.end, tuple(map(html.unescape, cue.lines))) for cue in cues]


def read_subrip(file: bytes) -> list[Cue]:
    text = file.decode()
    assert not re.search(r"(?<!\r)\n|\r(?!\n)", text)
    blocks = text.removesuffix("\r\n").split("\r\n\r\n") if text else []
    cues = []
    for number, block in enumerate(blocks, 1):
        index, *lines = block.split("\r\n")
        assert index == str(number)
        cues.append(read_cue(lines, ","))
    return [Cue(cue.start, cue.end, tuple(map(unjoined, cue.lines))) for cue in cues]


def unjoined(line: str) -> str:
    """Without one joiner of each run that stands where markup would go on."""
    return re.sub(rf"(--|<|{{){JOINER}({JOINER}*)(?=[>/A-Za-z\\\\])", r"\1\2", line)


@given(any_words())
def test_webvtt_can_be_read_back(words: list[Word]) -> None:
    made = track_of(words)
    assert tuple(read_webvtt(webvtt(made))) == made.cues


@given(any_words())
def test_subrip_can_be_read_back(words: list[Word]) -> None:
    made = track_of(words)
    assert tuple(read_subrip(subrip(made))) == made.cues


@given(any_words())
def test_json_holds_the_whole_track(words: list[Word]) -> None:
    made = track_of(words)
    file = msgspec.json.decode(FORMATS["json"].write(made), type=CaptionFile)
    assert (file.words, file.cues, file.quality) == (tuple(words), made.cues, made.quality)
    assert (file.language, file.provider, file.duration) == ("en", "sphinx", 9.0)


def test_text_is_one_line_for_each_cue() -> None:
    assert plain_text(track(Cue(0, 1, ("Welcome", "home.")), Cue(2, 3, ("Sit.",)))) == (
        b"Welcome home.\nSit.\n"
    )


def test_webvtt_looks_as_the_standard_shows_it() -> None:
    made = track(Cue(0.24, 1.5, ("Salt & pepper", "a <b> c --> d")), Cue(2, 3, ("마당",)))
    assert webvtt(made).decode() == (
        "WEBVTT\n\n"
        "00:00:00.240 --> 00:00:01.500\nSalt &amp; pepper\na &lt;b&gt; c --&gt; d\n\n"
        "00:00:02.000 --> 00:00:03.000\n마당\n"
    )


def test_subrip_looks_as_players_expect_it() -> None:
    made = track(Cue(0.24, 1.5, ("Salt & pepper", "a --> d")), Cue(2, 3, ("마당",)))
    assert subrip(made).decode() == (
        "1\r\n00:00:00,240 --> 00:00:01,500\r\nSalt & pepper\r\na --\u2060> d\r\n\r\n"
        "2\r\n00:00:02,000 --> 00:00:03,000\r\n마당\r\n"
    )


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (59.999, "00:00:59.999"),
        (3_599.9996, "01:00:00.000"),
        (3_661.001, "01:01:01.001"),
        (359_999.999, "99:59:59.999"),
        (360_000.0, "100:00:00.000"),
        (4_000_000.5, "1111:06:40.500"),
    ],
)
def test_time_codes_grow_with_the_hours(moment: float, code: str) -> None:
    assert f"{code} --> " in webvtt(track(Cue(moment, moment + 1, ("so",)))).decode()


@given(st.floats(0, 1_000_000).map(lambda moment: round(moment, 3)))
def test_a_time_code_keeps_every_millisecond(moment: float) -> None:
    (cue,) = read_webvtt(webvtt(track(Cue(moment, moment, ("so",)))))
    assert cue.start == moment


def test_a_track_without_speech_is_valid_in_every_format() -> None:
    written = {extension: form.write(track()) for extension, form in FORMATS.items()}
    assert (written["vtt"], written["srt"], written["txt"]) == (b"WEBVTT\n", b"", b"")
    assert b"<p" not in written["ttml"]
    assert msgspec.json.decode(written["json"], type=CaptionFile).cues == ()
