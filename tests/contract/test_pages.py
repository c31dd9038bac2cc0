"""The pages point to what exists, and the two READMEs say the same."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page.relative_to(ROOT).as_posix() for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
)
TOP = {path.name for path in ROOT.iterdir()}
OURS = "madang-mail"
"""The outbox of containers, by default under /tmp."""
MACHINE = re.compile(rf"(?<![\w.])/(?:work|root|home|tmp|Users)/(?!{OURS}\b)\w")


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def anchors_in(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors_in(target), link


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page: str) -> None:
    for name in re.findall(r"`([\w.]+/[\w./-]*)`", text_of(page)):
        if name.partition("/")[0] in TOP:
            assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_that_are_named_exist(page: str) -> None:
    targets = re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE)
    named = re.findall(r"(?:^|`)make ([a-z-]+)", text_of(page), re.MULTILINE)
    assert set(named) <= set(targets)


@pytest.mark.parametrize("page", PAGES)
def test_no_page_names_a_path_of_somebodys_machine(page: str) -> None:
    assert MACHINE.findall(text_of(page)) == []


def test_every_page_is_listed() -> None:
    listed = {
        ((ROOT / index).parent / link.partition("#")[0]).resolve()
        for index in ("docs/index.md", "docs/adr/README.md")
        for link in re.findall(r"\]\(([^)\s]+)\)", text_of(index))
    }
    assert [page for page in PAGES if (ROOT / page).resolve() not in listed] == ["docs/index.md"]


def test_the_korean_readme_has_the_commands_and_links_of_the_english_one() -> None:
    english, korean = text_of("README.md"), text_of("README.ko.md")
    for pattern in (r"^make \w+", r"\]\((?!README)([^)]+)\)", r"`([^`\n]+)`"):
        found = re.findall(pattern, english, re.MULTILINE)
        assert sorted(found) == sorted(re.findall(pattern, korean, re.MULTILINE))
