"""Which of our languages somebody reads: Accept-Language (RFC 9110, 12.5.4)."""

import re
from collections.abc import Iterator

LANGUAGES = ("en", "ko")
DEFAULT = "en"
_RANGE = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9]{1,8})*\s*(?:;\s*[qQ]\s*=\s*([0-9.]+)\s*)?")
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def language_of(accepted: str, otherwise: str | None = None) -> str:
    """The one of `LANGUAGES` that `accepted` prefers; else that of `otherwise`, else English.

    `ko-KR` asks for Korean. Of equal wishes the first counts; with weight 0 one is refused. What
    cannot be read is passed over, and so is `*`, which wishes nothing.
    """
    wishes = [wish for wish in _wishes(accepted) if wish[1] in LANGUAGES]
    refused = {language for weight, language in wishes if weight == 0}
    best = max((wish for wish in wishes if wish[0] > 0), key=lambda wish: wish[0], default=None)
    if best is not None:
        return best[1]
    fallbacks = [_primary(otherwise or ""), DEFAULT, *LANGUAGES]
    return next((one for one in fallbacks if one in LANGUAGES and one not in refused), DEFAULT)


def _wishes(accepted: str) -> Iterator[tuple[float, str]]:
    for item in accepted.split(","):
        found = _RANGE.fullmatch(item)
        if found and (found[2] is None or _WEIGHT.fullmatch(found[2])):
            yield float(found[2] or 1), found[1].lower()


def _primary(tag: str) -> str:
    return tag.partition("-")[0].lower()
