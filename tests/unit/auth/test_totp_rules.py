from base64 import b32encode
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from auth_service.totp.domain import checked_code, new_secret, step_of
from shared.errors import Invalid

SECRET = b32encode(b"12345678901234567890").decode()
"""That of RFC 6238, appendix B."""


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
    ],
)
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    assert step_of(SECRET, code, at, after=0) == seconds // 30


def test_a_step_and_those_before_it_are_used_up_together() -> None:
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    present = int(now.timestamp()) // 30
    code = pyotp.HOTP(SECRET).at(present)
    assert step_of(SECRET, code, now, after=present - 1) == present
    assert step_of(SECRET, code, now, after=present) is None
    assert step_of(SECRET, code, now + timedelta(seconds=30), after=0) == present
    assert step_of(SECRET, code, now - timedelta(seconds=1), after=0) == present
    assert step_of(SECRET, code, now + timedelta(seconds=60), after=0) is None


def test_a_secret_has_160_random_bits() -> None:
    secrets = {new_secret() for _ in range(50)}
    assert len(secrets) == 50
    assert {len(pyotp.TOTP(one).byte_secret()) for one in secrets} == {20}


@pytest.mark.parametrize("text", ["", "12345", "1234567", "12345a", "１２３４５６", "-12345"])
def test_a_code_has_six_digits(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_code(text)
    assert refused.value.errors[0].field == "code"


def test_the_space_in_the_middle_does_not_count() -> None:
    assert checked_code("123 456") == "123456"
