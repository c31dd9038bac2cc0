import secrets

import pytest

from shared.security.api_keys import RANDOM_BYTES, is_well_formed, key_of


def a_key() -> str:
    return key_of(secrets.token_bytes(RANDOM_BYTES))


@pytest.mark.parametrize("secret", [bytes(RANDOM_BYTES), b"\xff" * RANDOM_BYTES])
def test_every_secret_makes_a_key_of_one_word(secret: bytes) -> None:
    key = key_of(secret)
    assert len(key) == 53
    assert key.removeprefix("mdg_").isalnum()
    assert is_well_formed(key)


def test_the_form_stays_as_scanners_of_leaked_secrets_know_it() -> None:
    assert key_of(bytes(range(32))) == "mdg_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1Yo7hP"


def test_a_mistyped_key_is_known_for_one_without_asking() -> None:
    key = a_key()
    for position in range(len(key)):
        other = "x" if key[position] != "x" else "y"
        assert not is_well_formed(key[:position] + other + key[position + 1 :])


@pytest.mark.parametrize("text", ["", "mdg_", "eyJhbGciOi.x.y", "mdg_" + "é" * 49, "x" * 10_000])
def test_other_texts_are_no_keys(text: str) -> None:
    assert not is_well_formed(text)


def test_what_is_cut_off_or_too_long_is_no_key() -> None:
    key = a_key()
    assert not is_well_formed(key[:-1])
    assert not is_well_formed(key + "0")
