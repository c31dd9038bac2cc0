import re
from uuid import UUID

import pytest

from auth_service.recovery_codes.domain import CodeHasher, new_codes, normal_form
from shared.errors import Invalid
from shared.security.principal import UserId

MINA, JUNO = UserId(UUID(int=1)), UserId(UUID(int=2))


def test_ten_codes_of_sixty_bits_are_made() -> None:
    codes = [code for _ in range(50) for code in new_codes()]
    assert len(set(codes)) == 500
    form = re.compile(r"[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){2}")
    assert all(form.fullmatch(code) for code in codes)
    assert len(set("".join(codes)) - {"-"}) == 32  # five bits a letter, twelve letters


@pytest.mark.parametrize(
    "written", ["4kzm-09qw-71xc", "4KZM09QW71XC", " 4kzm o9qw 7ixc ", "4kzm-O9qw-7Lxc"]
)
def test_a_code_can_be_written_in_many_ways(written: str) -> None:
    assert normal_form(written) == "4kzm09qw71xc"


@pytest.mark.parametrize(
    "written", ["", "4kzm-09qw", "4kzm-09qw-71xu", "4kzm-09qw-71xcc", "é" * 12]
)
def test_what_has_another_form_is_none(written: str) -> None:
    with pytest.raises(Invalid) as refused:
        normal_form(written)
    assert refused.value.errors[0].field == "recovery_code"


def test_a_hash_is_of_one_code_one_owner_and_one_key() -> None:
    hasher, other = CodeHasher(b"k" * 32), CodeHasher(b"q" * 32)
    code = "4kzm-09qw-71xc"
    assert hasher.hash(MINA, code) == hasher.hash(MINA, code.upper())
    assert hasher.hash(MINA, code) != hasher.hash(JUNO, code)
    assert hasher.hash(MINA, code) != other.hash(MINA, code)
    assert hasher.hash(MINA, code) != hasher.hash(MINA, "4kzm-09qw-71xd")
