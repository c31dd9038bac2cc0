"""Words as a speaker would say them, and any words at all."""

from hypothesis import strategies as st

from jobs_service.captions.domain import Word


def spoken(text: str, *, pace: float = 0.08, sentence_pause: float = 0.7) -> tuple[Word, ...]:
    """The words of `text` at `pace` seconds per letter, with a pause after each full stop."""
    words = []
    now = 0.0
    for token in text.split():
        end = round(now + pace * len(token), 3)
        words.append(Word(token, round(now, 3), end, 1.0))
        now = end + (sentence_pause if token.endswith(".") else 0.02)
    return tuple(words)


TOKENS = st.one_of(
    st.sampled_from(
        ["a", "the", "and", "of", "I", "house.", "yard,", "everybody", "Mr.", "well?", "마당"]
    ),
    st.sampled_from(["<b>", "-->", "&", "&amp;"]),
    st.text("abc가나.,", min_size=1, max_size=60),
)
"""Also tokens that are longer than any line, and such as look like markup."""


@st.composite
def any_words(draw: st.DrawFn) -> list[Word]:
    """Words whose starts do not run backwards; pauses from none to many seconds."""
    now = 0.0
    words = []
    for token in draw(st.lists(TOKENS, max_size=80)):
        now += draw(st.sampled_from([0.0, 0.0, 0.02, 0.3, 0.9, 12.0]))
        length = draw(st.sampled_from([0.0, 0.05, 0.3, 0.7, 9.0]))
        words.append(Word(token, round(now, 3), round(now + length, 3), 0.5))
        now += length
    return words


@st.composite
def calm_words(draw: st.DrawFn) -> list[Word]:
    """Words of up to 12 letters, spoken slowly enough for every rule to be kept."""
    now = draw(st.floats(0, 400_000))
    words = []
    for token in draw(st.lists(st.text("abcdefgh", min_size=1, max_size=12), max_size=60)):
        now += draw(st.sampled_from([0.02, 0.3, 0.9, 3.0]))
        length = 0.45 + 0.07 * len(token)
        words.append(Word(token, round(now, 3), round(now + length, 3), 0.5))
        now += length
    return words
