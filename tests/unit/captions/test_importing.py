"""Caption files of any program are read; what cannot be read is refused by its line."""

import codecs
import contextlib
from math import isfinite

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs_service.captions.cues import MAX_CUES, BrokenCaptionFile, clean_line
from jobs_service.captions.domain import Cue, Transcript
from jobs_service.captions.formats import FORMATS
from jobs_service.captions.importing import read_captions
from jobs_service.captions.quality import assess
from jobs_service.captions.rules import rules_for
from jobs_service.captions.track import Track
from tests.support.any_cues import any_cues

DECORATED = """\
WEBVTT - a title
Kind: captions

NOTE
nothing

STYLE
::cue { color: red }

intro
00:00:01.000 --> 00:00:02.500 align:start position:0%
<v Mina><c.loud>Hello</c>"""
HELLO = (Cue(1.0, 2.5, ("Hello",)),)


def track(cues: tuple[Cue, ...]) -> Track:
    return Track(Transcript("en", "import", 9.0, ()), cues, assess(cues, rules_for("en")))


def read(file: str | bytes, language: str = "en") -> tuple[Cue, ...]:
    return read_captions(file.encode() if isinstance(file, str) else file, language).cues


def fault(file: str | bytes) -> str:
    with pytest.raises(BrokenCaptionFile) as caught:
        read(file)
    return caught.value.detail


def ttml(paragraphs: str, attributes: str = "") -> str:
    return (
        f'<?xml version="1.0"?>\n<tt xmlns="http://www.w3.org/ns/ttml" {attributes}>'
        f"<body><div>\n{paragraphs}</div></body></tt>"
    )


@pytest.mark.parametrize("extension", ["vtt", "srt", "ttml"])
@settings(suppress_health_check=[HealthCheck.too_slow])  # the first time, it learns Unicode
@given(cues=any_cues())
def test_what_is_written_is_read_as_the_same_cues(extension: str, cues: tuple[Cue, ...]) -> None:
    file = FORMATS[extension].write(track(cues))
    if cues:
        found = read_captions(file, "en")
        assert (found.cues, found.format, found.empty) == (cues, extension, 0)
    else:
        assert "no cue" in fault(file)


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean_line(clean_line(text)) == clean_line(text)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(file: bytes) -> None:
    with contextlib.suppress(BrokenCaptionFile):
        assert read(file) is not None


@pytest.mark.parametrize(
    "file",
    [
        "1\n00:00:01,000 --> 00:00:02,500\nHello\n",
        "\ufeff1\r\n00:00:01,000 --> 00:00:02,500\r\nHello\r\n\r\n",
        "00:00:01.000 --> 00:00:02.500\nHello",
        "1\n0:0:1,0 --> 0:0:2,5\nHello",
        "1\n00:00:01 --> 00:00:02,500 X1:40 X2:600 Y1:20 Y2:50\nHello",
        "\n\n7\n00:01,000-->00:02,500\n\nHello\n\n",
        '1\n00:00:01,000 --> 00:00:02,500\n{\\an8}<i><font color="#fff">Hello</font></i>\n',
        "WEBVTT\n\n00:01.000 --> 00:02.500\nHello\n",
        DECORATED,
        ttml('<p begin="00:00:01.000" end="00:00:02.500">Hello</p>'),
        ttml('<p begin="1s" dur="1500ms"><span>Hello</span></p>'),
        ttml('<p begin="00:00:01:00" end="00:00:02:15">Hello</p>'),
        ttml('<p begin="24f" end="60f">Hello</p>', "xmlns:ttp='http://www.w3.org/ns/ttml#parameter'"
             " ttp:frameRate='24'"),
        ttml('</div><div begin="1s"><p begin="0s" end="1.5s">\n  Hello\n</p>'),
    ],
)  # fmt: skip
def test_many_ways_of_writing_mean_the_same(file: str) -> None:
    assert read(file) == HELLO


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be",
                                      "cp949"])  # fmt: skip
def test_korean_is_read_in_the_encodings_of_its_history(encoding: str) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,500\n마당에 오신 것을 환영합니다\n"
    assert read(text.encode(encoding))[0].text == "마당에 오신 것을 환영합니다"


@pytest.mark.parametrize("said", ["Où est l'été?", "Ärger über Ölöfen", "«¿Qué?»", "It’s “so” …"])
def test_western_text_of_old_is_not_taken_for_korean(said: str) -> None:
    file = f"1\n00:00:01,000 --> 00:00:02,500\n{said}\n".encode("cp1252")
    assert read(file, "de")[0].text == said


def test_a_decomposed_syllable_is_composed() -> None:
    (cue,) = read("1\n00:00:01,000 --> 00:00:02,500\n\u1106\u1161\u1103\u1161\u11bc\n")
    assert cue.text == "마당"


def test_a_blank_line_within_a_cue_loses_nothing() -> None:
    file = "1\n00:00:01,000 --> 00:00:02,000\none\n\ntwo\n\n2\n00:00:03,000 --> 00:00:04,000\n3\n"
    assert [cue.lines for cue in read(file)] == [("one", "two"), ("3",)]


def test_cues_come_in_the_order_of_their_times_and_empty_ones_are_counted() -> None:
    found = read_captions(
        b"00:00:03,000 --> 00:00:04,000\nsecond\n\n00:00:01,000 --> 00:00:02,000\nfirst\n\n"
        b"00:00:05,000 --> 00:00:06,000\n\n",
        "en",
    )
    assert ([cue.text for cue in found.cues], found.empty) == (["first", "second"], 1)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("", "no cue"),
        ("WEBVTT\n", "no cue"),
        ("Dear diary,", "Line 1: 'Dear diary,' comes before any times"),
        ("1\n00:00:03,000 --> 00:00:03,000\nso\n", "Line 2: the end of this cue must be after"),
        ("1\n00:00:03,000 --> 00:00:02,000\nso\n", "Line 2: the end of this cue must be after"),
        ("1\n00:00:03,000 --> soon\nso\n", "Line 2: '00:00:03,000 --> soon' is no pair of times"),
        ("1\n00:00:01,000 --> 200:00:02,000\nso\n", "Line 2: the end of this cue must be 360000"),
        (f"1\n00:00:01,000 --> 00:00:02,000\n{'so ' * 500}\n", "1000 characters at most"),
        (codecs.BOM_UTF8 + b"1\n00:00:01,000 --> 00:00:02,000\n\xff\n", "Line 3: the file says"),
        ("<html></html>", "must be TTML (<tt>); it is <html>"),
        (ttml('<p begin="1s">so</p>'), "Line 3: a paragraph (<p>) needs begin and end"),
        (ttml('<p begin="noon" end="2s">so</p>'), "Line 3: 'noon' is no time"),
        (ttml('<p begin="1s" end="2s">so'), "Line 3: this is not XML: mismatched tag"),
        (ttml("<span>" * 200), "nested more than 100 deep"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_line(file: str | bytes, says: str) -> None:
    assert says in fault(file)


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE tt [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE tt [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE tt SYSTEM "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE tt [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x">%x;]>',
    ],
)
def test_xml_that_would_expand_or_fetch_is_refused_unread(document: str) -> None:
    file = f'<?xml version="1.0"?>{document}<tt xmlns="http://www.w3.org/ns/ttml"/>'
    assert "<!DOCTYPE" in fault(file)


def test_an_entity_that_nobody_defined_is_refused() -> None:
    assert "undefined entity" in fault(ttml('<p begin="1s" end="2s">&b;</p>'))


def test_a_track_has_its_limit_of_cues() -> None:
    assert "10000 cues at most" in fault("00:00:01,000 --> 00:00:02,000\nso\n" * (MAX_CUES + 1))


@pytest.mark.parametrize("digits", [13, 309, 5000])
@pytest.mark.parametrize(
    ("attributes", "end"),
    [
        ('ttp:frameRate="{many}"', "1s"),
        ('ttp:tickRate="{many}"', "1s"),
        ('ttp:frameRateMultiplier="{many} 1"', "1s"),
        ('ttp:frameRateMultiplier="1 {many}"', "1s"),
        ('ttp:frameRateMultiplier="{many} 1"', "{many}f"),
        ("", "{many}:00:00"),
        ("", "00:00:01:{many}"),
        ("", "{many}s"),
        ("", "{many}t"),
        ("", "1.{many}s"),
    ],
)
def test_numbers_of_any_length_are_read_or_refused(attributes: str, end: str, digits: int) -> None:
    many = "9" * digits
    named = f'xmlns:ttp="http://www.w3.org/ns/ttml#parameter" {attributes}'
    file = ttml(f'<p begin="0s" end="{end}">Hello.</p>', named).replace("{many}", many)
    with contextlib.suppress(BrokenCaptionFile):
        assert all(isfinite(one.end) for one in read(file))


def test_a_character_reference_of_any_length_is_no_character() -> None:
    file = f"WEBVTT\n\n00:01.000 --> 00:02.000\na&#{'9' * 5000};b&#65;\n"
    assert read(file)[0].lines == ("a\ufffdbA",)


def test_what_would_take_time_by_its_square_is_refused_at_once() -> None:
    hostile = ["<" * 400_000, "-->" * 130_000, "1\n" * 200_000, "00:00:01,000 --> 00:00:02,000\n"
               + "<b " * 130_000, "WEBVTT\n\n00:01.000 --> 00:02.000\n" + "<a" * 200_000,
               "{\\" * 200_000, " " * 400_000 + "-->", ":1" * 200_000 + " -->"]  # fmt: skip
    for file in hostile:
        with pytest.raises(BrokenCaptionFile):
            read(file)
