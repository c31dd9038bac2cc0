"""Any cues that a track may hold."""

from hypothesis import strategies as st

from jobs_service.captions.cues import clean_line
from jobs_service.captions.domain import Cue

_PIECES = st.one_of(
    st.sampled_from(
        ["&amp;", "&", "<b>", "</b>", "<", ">", "-->", "--", "--\u2060>", "{\\an8}", "{", "7",
         "NOTE", "WEBVTT", "STYLE", "00:00:01,000 --> 00:00:02,000", "마당", "한국어 자막",
         "שלום", "\u200fمرحبا\u200e", "👩\u200d👩\u200d👧", "🇰🇷", "می\u200cخواهم",
         "]]>", '"', "'", "%s"]
    ),
    st.text(max_size=8),
)  # fmt: skip
LINES = st.lists(_PIECES, min_size=1, max_size=3).map(
    lambda pieces: clean_line(" ".join(pieces)) or "so"
)
"""Lines as they are kept: with all that could be taken for markup."""


@st.composite
def any_cues(draw: st.DrawFn) -> tuple[Cue, ...]:
    """Cues in order of their starts; they may overlap."""
    cues, start = [], 0
    for _ in range(draw(st.integers(0, 4))):
        start += draw(st.integers(0, 100_000))
        end = start + draw(st.integers(1, 20_000))
        lines = draw(st.lists(LINES, min_size=1, max_size=3))
        cues.append(Cue(start / 1000, end / 1000, tuple(lines)))
    return tuple(sorted(cues, key=lambda cue: (cue.start, cue.end)))
