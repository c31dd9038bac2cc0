"""Whatever must not be guessed comes from the system's generator."""

import ast
import base64
from pathlib import Path

import pytest

from auth_service.secrets import hash_of, new_secret

ROOT = Path(__file__).parents[3]
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for package in ("auth_service", "shared/security")
    for path in (ROOT / package).rglob("*.py")
)
PREDICTABLE = {"random", "numpy.random"}


def test_a_secret_has_256_bits_and_comes_once() -> None:
    made = [new_secret() for _ in range(200)]
    assert len({one.token for one in made}) == 200
    assert {len(base64.urlsafe_b64decode(one.token + "==")) for one in made} == {32}
    assert all(one.hash == hash_of(one.token) for one in made)


def test_a_secret_cannot_be_read_from_what_is_kept() -> None:
    token, kept = new_secret("mdg_")
    assert token.startswith("mdg_")
    assert token.encode() not in kept


@pytest.mark.parametrize("path", MODULES)
def test_nothing_here_is_chosen_by_a_predictable_generator(path: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in _names(node)
    }
    assert imported.isdisjoint(PREDICTABLE)


def _names(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names]
