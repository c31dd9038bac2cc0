"""The rule sets, and how wide a text counts as."""

import pytest

from jobs_service.captions.rules import AUDIENCES, Audience, rules_for


@pytest.mark.parametrize(
    ("language", "audience", "width", "speed"),
    [
        ("en", "adult", 42, 20),
        ("en", "children", 42, 17),
        ("ko", "adult", 16, 12),
        ("ko", "children", 16, 9),
        ("en", "sdh", 42, 20),
        ("ko", "sdh", 16, 14),
        ("fr", "adult", 42, 17),
        ("fr", "children", 42, 13),
        ("fr", "sdh", 42, 20),
    ],
)
def test_each_language_has_the_limits_of_its_guide(
    language: str, audience: Audience, width: float, speed: float
) -> None:
    rules = rules_for(language, audience)
    assert (rules.line_width, rules.characters_per_second, rules.lines) == (width, speed, 2)
    assert (rules.shortest, rules.longest, rules.gap) == (0.834, 7.0, 0.084)


@pytest.mark.parametrize("tag", ["en", "EN", "en-US", "en-GB"])
def test_a_regional_tag_means_its_language(tag: str) -> None:
    assert rules_for(tag).language == "en"


@pytest.mark.parametrize("tag", ["xx", "", "zz-Latn-001", "not a tag at all"])
def test_no_language_is_refused(tag: str) -> None:
    assert rules_for(tag).name == "default-adult"


def test_only_those_who_cannot_hear_are_told_of_sounds() -> None:
    for language in ("en", "ko", "xx"):
        told = [who for who in AUDIENCES if rules_for(language, who).annotations]
        assert told == ["sdh"]


@pytest.mark.parametrize(
    ("language", "text", "width"),
    [
        ("en", "one two", 7),
        ("en", "café", 4),
        ("en", "cafe\u0301", 4),
        ("en", "한국", 2),
        ("ko", "마당", 2),
        ("ko", "마당 2", 3),
        ("ko", "OK, 네.", 3.5),
        ("ko", "…", 0.5),
        ("ko", "", 0),
        ("ja", "中庭 OK", 7),
    ],
)
def test_width_counts_what_a_reader_sees(language: str, text: str, width: float) -> None:
    assert rules_for(language).width(text) == width
