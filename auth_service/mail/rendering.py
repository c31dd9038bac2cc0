"""Letters as text and as HTML, both made from one template.

The first line of a template is the subject. Blank lines part its blocks, of which there are three
kinds: `[what to do](link)`, facts that begin with `- `, and paragraphs. `{name}` is a value; a line
with a value that is not known is left out.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from auth_service.mail.domain import Template

_TEMPLATES = Path(__file__).with_name("templates")
_LONGEST_VALUE = 200
_VALUE = re.compile(r"\{(\w+)\}")
_LINK = re.compile(r"\[(?P<label>.+)\]\((?P<link>.+)\)")

WORDS = {
    "en": {
        "totp": "an authenticator app",
        "recovery_code": "recovery codes",
        "passkey": "a passkey",
    },
    "ko": {"totp": "인증 앱", "recovery_code": "복구 코드", "passkey": "패스키"},
}
"""Values of `factor`, as people say it."""

_BODY = "margin:0;padding:24px 12px;background:#f4f1ec;color:#26221d;"
_FONT = "font:16px/1.6 -apple-system,'Segoe UI',Roboto,'Noto Sans KR','Malgun Gothic',sans-serif;"
_CARD = (
    "max-width:520px;margin:0 auto;padding:32px 28px;background:#ffffff;border-radius:12px;"
    "border:1px solid #e6e0d6;word-break:keep-all;overflow-wrap:break-word;"
)
_PRODUCT = "margin:0 0 20px;font-size:14px;font-weight:600;color:#8a5a2b;"
_HEADING = "margin:0 0 20px;font-size:22px;line-height:1.35;"
_PARAGRAPH = "margin:0 0 16px;"
_BUTTON = (
    "display:inline-block;padding:12px 22px;border-radius:8px;background:#8a5a2b;color:#ffffff;"
    "font-weight:600;text-decoration:none;"
)
_PLAIN_LINK = "margin:0 0 20px;font-size:13px;color:#6b645a;word-break:break-all;"
_FACTS = "margin:0 0 16px;padding:12px 16px;background:#f8f5f0;border-radius:8px;font-size:14px;"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a reader sees."""

    subject: str
    text: str
    html: str


def render(template: Template, language: str, values: Mapping[str, str], product: str) -> Rendered:
    """The letter in `language`; `product` is whom it comes from."""
    plain = {"product": product} | _plain(values, language)
    subject, _, body = _source(template, language).partition("\n")
    heading = _filled(subject, plain) or product
    blocks = [block for one in body.split("\n\n") if (block := _known_lines(one, plain))]
    text = [_as_text(block, plain) for block in blocks]
    return Rendered(
        heading,
        "\n\n".join([*text, f"-- \n{product}"]) + "\n",
        _page(language, heading, product, [_as_html(block, plain) for block in blocks]),
    )


@cache
def _source(template: Template, language: str) -> str:
    path = _TEMPLATES / f"{template}.{language}.txt"
    return path.read_text(encoding="utf-8").strip()


def _plain(values: Mapping[str, str], language: str) -> dict[str, str]:
    """The values without what could break a line or a header, and none that is empty."""
    found = {}
    for name, value in values.items():
        word = WORDS[language].get(value, value) if name == "factor" else value
        line = " ".join("".join(one if one.isprintable() else " " for one in word).split())
        if line:
            found[name] = line if name == "link" else line[:_LONGEST_VALUE]
    return found


def _known_lines(block: str, values: Mapping[str, str]) -> list[str]:
    lines = block.strip().splitlines()
    return [line for line in lines if all(name in values for name in _VALUE.findall(line))]


def _filled(line: str, values: Mapping[str, str]) -> str:
    return _VALUE.sub(lambda found: values[found[1]], line)


def _as_text(lines: Iterable[str], values: Mapping[str, str]) -> str:
    def text_of(line: str) -> str:
        if link := _LINK.fullmatch(line):
            return f"{_filled(link['label'], values)}:\n{_filled(link['link'], values)}"
        return _filled(line.replace("- ", "  ", 1) if line.startswith("- ") else line, values)

    return "\n".join(map(text_of, lines))


def _as_html(lines: list[str], values: Mapping[str, str]) -> str:
    safe = {name: html.escape(value) for name, value in values.items()}

    def filled(text: str) -> str:
        return _filled(html.escape(text, quote=False), safe)

    if link := _LINK.fullmatch(lines[0]):
        target = filled(link["link"])
        return (
            f'<p style="{_PARAGRAPH}"><a href="{target}" style="{_BUTTON}">'
            f'{filled(link["label"])}</a></p>\n<p style="{_PLAIN_LINK}">{target}</p>'
        )
    if lines[0].startswith("- "):
        facts = "<br>\n".join(filled(line.removeprefix("- ")) for line in lines)
        return f'<p style="{_FACTS}">{facts}</p>'
    return f'<p style="{_PARAGRAPH}">{" ".join(map(filled, lines))}</p>'


def _page(language: str, heading: str, product: str, blocks: Iterable[str]) -> str:
    return "\n".join(_lines_of_page(language, html.escape(heading), html.escape(product), blocks))


def _lines_of_page(
    language: str, heading: str, product: str, blocks: Iterable[str]
) -> Iterator[str]:
    yield f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{heading}</title>\n</head>"
    yield f'<body style="{_BODY}{_FONT}">\n<div style="{_CARD}">'
    yield f'<p style="{_PRODUCT}">{product}</p>'
    yield f'<h1 style="{_HEADING}">{heading}</h1>'
    yield from blocks
    yield "</div>\n</body>\n</html>\n"
