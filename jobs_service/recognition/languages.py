"""The languages that Whisper knows, by its own codes, and their tags (BCP 47)."""

from collections.abc import Mapping
from types import MappingProxyType

AUTO = "auto"
"""Stands for a language that the provider finds out."""

_WHISPER = """
en English|zh Chinese|de German|es Spanish|ru Russian|ko Korean|fr French|ja Japanese|pt Portuguese
tr Turkish|pl Polish|ca Catalan|nl Dutch|ar Arabic|sv Swedish|it Italian|id Indonesian|hi Hindi
fi Finnish|vi Vietnamese|he Hebrew|uk Ukrainian|el Greek|ms Malay|cs Czech|ro Romanian|da Danish
hu Hungarian|ta Tamil|no Norwegian|th Thai|ur Urdu|hr Croatian|bg Bulgarian|lt Lithuanian|la Latin
mi Maori|ml Malayalam|cy Welsh|sk Slovak|te Telugu|fa Persian|lv Latvian|bn Bengali|sr Serbian
az Azerbaijani|sl Slovenian|kn Kannada|et Estonian|mk Macedonian|br Breton|eu Basque|is Icelandic
hy Armenian|ne Nepali|mn Mongolian|bs Bosnian|kk Kazakh|sq Albanian|sw Swahili|gl Galician
mr Marathi|pa Punjabi|si Sinhala|km Khmer|sn Shona|yo Yoruba|so Somali|af Afrikaans|oc Occitan
ka Georgian|be Belarusian|tg Tajik|sd Sindhi|gu Gujarati|am Amharic|yi Yiddish|lo Lao|uz Uzbek
fo Faroese|ht Haitian Creole|ps Pashto|tk Turkmen|nn Nynorsk|mt Maltese|sa Sanskrit
lb Luxembourgish|my Myanmar|bo Tibetan|tl Tagalog|mg Malagasy|as Assamese|tt Tatar|haw Hawaiian
ln Lingala|ha Hausa|ba Bashkir|jw Javanese|su Sundanese
"""
_TABLE: Mapping[str, str] = MappingProxyType(
    dict(one.split(" ", 1) for line in _WHISPER.split("\n") for one in line.split("|") if one)
)
_TAGS = MappingProxyType({"jw": "jv"})
"""Codes of Whisper's that are no tags (any more)."""
_SAME = MappingProxyType(
    {"jv": "jw", "nb": "no", "fil": "tl", "cmn": "zh", "iw": "he", "in": "id", "ji": "yi"}
)
"""Tags of what Whisper knows under another code."""
_CODES = MappingProxyType({name.lower(): code for code, name in _TABLE.items()})


def primary(tag: str) -> str:
    """The language of a tag, without region or script: `en` of `en-GB`."""
    return tag.partition("-")[0].lower()


def whisper_code(tag: str) -> str:
    """What Whisper calls the language of a tag."""
    return _SAME.get(primary(tag), primary(tag))


def english_name(tag: str) -> str | None:
    """The language of a tag in English; None of one that is none of these."""
    return _TABLE.get(whisper_code(tag))


def tag_of(said: str) -> str:
    """The tag of a language by Whisper's code, or by its English name, as OpenAI gives it."""
    code = _CODES.get(said.lower(), said.lower())
    return _TAGS.get(code, code)


ENGLISH = frozenset({"en"})
OF_WHISPER = frozenset({*map(tag_of, _TABLE), *_SAME})
"""The 99 languages of every model that is not of English alone, and other tags of the same."""
