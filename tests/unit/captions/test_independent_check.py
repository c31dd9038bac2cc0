"""What a quality report says, others find too: the rules of the guides, applied to what programs of
others read in the files."""

from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs_service.captions.domain import Cue, Transcript, Word
from jobs_service.captions.formats import FORMATS, CaptionFile
from jobs_service.captions.quality import Check, Quality, assess
from jobs_service.captions.rules import Audience, rules_for
from jobs_service.captions.track import Track, make_track
from tests.support.any_cues import any_cues
from tests.support.caption_guide import GUIDES, Broken, violations
from tests.support.caption_programs import Seen, by_imsc, by_webvtt
from tests.unit.captions.spoken import any_words, spoken

RULES = [field.name for field in msgspec.structs.fields(Quality) if field.type is Check]
WHO = st.sampled_from(sorted(GUIDES))
Told = dict[str, tuple[int, tuple[int, ...]]]
"""The rules that are broken, how often, and by which cues."""
quick = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
TALK = (
    "Welcome to the courtyard. Every room does one thing only, and it does that one thing well. "
    "You can send us a video, and we write down every word that is spoken in it, although some of "
    "them are hard to hear when many people talk at the same time. "
)
TALK_IN_KOREAN = (
    "마당에 오신 것을 환영합니다. 모든 방은 한 가지 일만 하지만 그 일을 아주 잘합니다. "
    "영상을 보내 주시면 그 안에서 들리는 모든 말을 적어 드릴 수 있습니다. "
)


def report(track: Track) -> Told:
    """What the JSON file says is broken."""
    quality = msgspec.json.decode(FORMATS["json"].write(track), type=CaptionFile).quality
    checks = {rule: getattr(quality, rule) for rule in RULES}
    told = {rule: (check.violations, check.cues) for rule, check in checks.items()}
    found = {rule: what for rule, what in told.items() if what != (0, ())}
    assert quality.passed is not bool(found)
    return found


def confirmed(broken: Broken) -> Told:
    """The same, from the rules alone."""
    return {rule: (len(cues), tuple(sorted(set(cues)))[:50]) for rule, cues in broken.items()}


def keeping(cues: tuple[Cue, ...], language: str, audience: str) -> Track:
    quality = assess(cues, rules_for(language, _audience(audience)))
    return Track(Transcript(language, "import", 9.0, ()), cues, quality)


def _audience(name: str) -> Audience:
    audience: Audience = msgspec.convert(name, Audience)
    return audience


@pytest.mark.parametrize(("extension", "read"), [("vtt", by_webvtt), ("ttml", by_imsc)])
@quick
@given(cues=any_cues(), who=WHO)
def test_the_report_on_any_cues_is_confirmed(
    extension: str,
    read: Callable[[bytes], Seen],
    cues: tuple[Cue, ...],
    who: tuple[str, str],
) -> None:
    track = keeping(cues, *who)
    assert confirmed(violations(read(FORMATS[extension].write(track)), *who)) == report(track)


@quick
@given(words=any_words(), who=WHO)
def test_the_report_on_what_was_made_of_any_words_is_confirmed(
    words: list[Word], who: tuple[str, str]
) -> None:
    track = make_track(Transcript(who[0], "sphinx", 99.0, tuple(words)), _audience(who[1]))
    assert confirmed(violations(by_webvtt(FORMATS["vtt"].write(track)), *who)) == report(track)


@pytest.mark.parametrize("who", sorted(GUIDES), ids="-".join)
def test_a_talk_at_a_calm_pace_keeps_to_every_rule_of_its_guide(who: tuple[str, str]) -> None:
    talk, pace = (TALK_IN_KOREAN, 0.3) if who[0] == "ko" else (TALK, 0.12)
    words = spoken(talk * 5, pace=pace)
    track = make_track(Transcript(who[0], "sphinx", words[-1].end, words), _audience(who[1]))
    seen = by_webvtt(FORMATS["vtt"].write(track))
    assert len(seen) > 10
    assert violations(seen, *who) == {}
    assert track.quality.passed


@pytest.mark.parametrize(
    ("cues", "broken"),
    [
        ([Cue(0, 9, ("so",))], {"longest_duration"}),
        ([Cue(0, 0.5, ("so",))], {"shortest_duration"}),
        ([Cue(0, 2, ("a" * 43,))], {"line_length", "characters_per_second"}),
        ([Cue(0, 3, ("a", "b", "c"))], {"lines"}),
        ([Cue(0, 1.999, ("a" * 20, "a" * 19))], {"characters_per_second"}),
        ([Cue(0, 6, ("so",)), Cue(1, 3, ("so",)), Cue(4, 5, ("so",))], {"gap", "overlap"}),
        ([Cue(0, 3, ("This is what they are", "for."))], {"orphans"}),
        ([Cue(0, 3, ("[door slams]",))], {"annotations"}),
    ],
)
def test_each_rule_is_found_broken_by_both(cues: list[Cue], broken: set[str]) -> None:
    track = keeping(tuple(cues), "en", "adult")
    assert report(track).keys() == broken
    seen = by_webvtt(FORMATS["vtt"].write(track))
    assert confirmed(violations(seen, "en", "adult")) == report(track)


def test_a_cue_that_overlaps_one_before_the_last_is_counted() -> None:
    cues = (Cue(0, 6, ("so",)), Cue(1, 3, ("so",)), Cue(4, 5, ("so",)))
    assert all(after.start > before.start for before, after in pairwise(cues))
    assert keeping(cues, "en", "adult").quality.overlap == Check(0, 2, 5.0, (2, 3))
