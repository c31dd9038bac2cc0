"""How far a transcript is from what was said."""

import re


def word_error_rate(said: str, recognised: str) -> float:
    """Words that must be replaced, left out or put in, as a part of the words said."""
    reference, heard = _words(said), _words(recognised)
    row = list(range(len(heard) + 1))
    for spoken, word in enumerate(reference, 1):
        above, row = row, [spoken]
        for at, other in enumerate(heard, 1):
            row.append(min(above[at] + 1, row[-1] + 1, above[at - 1] + (word != other)))
    return row[-1] / len(reference)


def _words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())
