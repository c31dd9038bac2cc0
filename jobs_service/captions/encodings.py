"""The text of a caption file, whatever wrote it: Unicode, or what Korean and Western Windows wrote
before it."""

import codecs
from typing import Final

from jobs_service.captions.cues import BrokenCaptionFile

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_KOREAN_SHARE = 0.9
"""Of the letters beyond ASCII, how many must be common Korean ones for a file to be Korean."""


def decoded(file: bytes, language: str) -> tuple[str, str]:
    """The text of a file, and the name of its encoding; raises BrokenCaptionFile.

    A byte order mark decides; then UTF-16 shows by its zero bytes, UTF-8 by its structure. What is
    left is CP949 where that gives Korean, else CP1252, which is Latin-1 as Windows writes it.
    """
    for mark, encoding in _MARKS:
        if file.startswith(mark):
            return _strictly(file[len(mark) :], encoding), encoding
    for encoding in (*_utf_16(file), "utf-8"):
        try:
            return file.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return _legacy(file, language)


def _strictly(file: bytes, encoding: str) -> str:
    try:
        return file.decode(encoding)
    except UnicodeDecodeError as error:
        line = file[: error.start].count(b"\n") + 1
        raise BrokenCaptionFile(
            f"Line {line}: the file says that it is {encoding.upper()}, and is not."
        ) from None


def _utf_16(file: bytes) -> tuple[str, ...]:
    """Times and line ends are ASCII, every second byte of which is zero."""
    zeros = file[:400].count(0)
    if zeros * 4 < len(file[:400]) or not zeros:
        return ()
    return ("utf-16-be",) if file[::2][:200].count(0) > zeros / 2 else ("utf-16-le",)


def _legacy(file: bytes, language: str) -> tuple[str, str]:
    korean = _korean(file)
    is_korean = language.partition("-")[0].lower() == "ko"
    if korean is not None and (is_korean or _looks_korean(korean)):
        return korean, "cp949"
    # the five bytes that CP1252 leaves open are control characters in Latin-1
    try:
        return file.decode("cp1252"), "cp1252"
    except UnicodeDecodeError:
        return file.decode("latin-1"), "latin-1"


def _korean(file: bytes) -> str | None:
    try:
        return file.decode("cp949")
    except UnicodeDecodeError:
        return None


def _looks_korean(text: str) -> bool:
    """Whether the letters are those in use: two accents that follow each other by chance make
    syllables that nobody writes."""
    letters = [one for one in text if not one.isascii()]
    common = sum("가" <= one <= "힣" and bool(one.encode("euc-kr", "ignore")) for one in letters)
    return common >= _KOREAN_SHARE * len(letters) > 0
