"""The words of English that decide where a text may break and how it is written."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CONJUNCTIONS = _words(
    """
    and but or nor so yet because although though while when where whereas if unless until since
    before after that which who whom whose what why how than whether once
    """
)
PREPOSITIONS = _words(
    """
    in on at by for from with without to into onto of off over under through across between among
    behind beyond about above below against along around during near toward towards upon within
    as like
    """
)
CLINGING = _words(
    """
    a an the this these those my your his her its our their some any no every each another
    i you he she it we they
    am is are was were be been being have has had do does did will would shall should can could
    may might must not
    i'm you're he's she's it's we're they're i've you've we've they've i'll you'll he'll she'll
    it'll we'll they'll i'd you'd he'd she'd we'd they'd that's there's don't doesn't didn't can't
    couldn't won't wouldn't shouldn't isn't aren't wasn't weren't haven't hasn't hadn't
    very too more most quite just mr mrs ms dr
    """
)
"""Words that belong to the next: articles, subjects, auxiliaries, and the like."""
ENDS_NO_SENTENCE = _words(
    """
    a an the and or but if because although than i i'm you're we're they're he's she's my your our
    their its every of very mr mrs ms dr uh um
    """
)
CAPITALISED = _words(
    """
    monday tuesday wednesday thursday friday saturday sunday january february april june july
    august september october november december korea korean english america american
    """
)
"""Names that are nothing but names; March and May are not."""
