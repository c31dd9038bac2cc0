"""Makes `confusables.txt` of the tables of Unicode TS 39, as the package confusable-homoglyphs has
them: `python -m auth_service.accounts.make_confusables`, after each new version of Unicode.

A line holds a prototype, a tab, and all letters and digits that look like it.
"""

import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from confusable_homoglyphs.confusables import confusables_data

TABLE = Path(__file__).with_name("confusables.txt")


def groups() -> Iterable[set[str]]:
    """Sets of characters, and of short sequences, that look alike."""
    group_of: dict[str, set[str]] = {}
    for text, lookalikes in confusables_data.items():
        for other in [text, *(_visible(one["c"]) for one in lookalikes)]:
            joined = group_of.setdefault(_visible(text), {_visible(text)})
            added = group_of.setdefault(other, {other})
            if added is not joined:
                joined |= added
                group_of |= dict.fromkeys(added, joined)
    return {id(group): group for group in group_of.values()}.values()


def lines() -> Iterator[str]:
    """The table, in the order of its prototypes."""
    found: dict[str, set[str]] = defaultdict(set)
    for group in groups():
        prototype = min((one for one in group if one.isalnum()), key=_preference, default="")
        found[prototype] |= {one for one in group if _counts(one) and one != prototype}
    for prototype in sorted(found):
        if prototype and found[prototype]:
            yield f"{prototype}\t{''.join(sorted(found[prototype]))}\n"


def _preference(text: str) -> tuple[bool, bool, bool, bool, int, str]:
    """Sequences first, for only a single character can be replaced; then what is commonest."""
    return (
        len(text) == 1, not text.isascii(), not text.isalpha(), not text.islower(), len(text), text,
    )  # fmt: skip


def _counts(text: str) -> bool:
    is_plain = unicodedata.is_normalized("NFKC", text)
    return len(text) == 1 and text.isalnum() and is_plain


def _visible(text: str) -> str:
    return "".join(one for one in text if unicodedata.category(one) != "Cf")


if __name__ == "__main__":
    TABLE.write_text("".join(lines()), encoding="utf-8")
    sys.stdout.write(f"{TABLE} has {TABLE.stat().st_size} bytes\n")
