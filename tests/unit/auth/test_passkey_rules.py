from datetime import UTC, datetime, timedelta

import pytest

from auth_service.factors.domain import Factor, WaysIn, is_two_step, proofs_of
from auth_service.passkeys.domain import PasskeyCopied, RelyingParty, WrongOrigin, check_count
from auth_service.passkeys.settings import PasskeySettings
from auth_service.sessions.domain import Method, Proof
from shared.settings import BadSettings, load

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def party(public_url: str, *origins: str, domain: str | None = None) -> RelyingParty:
    return RelyingParty.at(public_url, origins, name="Madang", domain=domain)


@pytest.mark.parametrize(
    ("public_url", "domain", "rp_id"),
    [
        ("http://127.0.0.1:8000", None, "localhost"),
        ("http://[::1]:8000", None, "localhost"),
        ("http://localhost:8000", None, "localhost"),
        ("https://api.example.com", None, "api.example.com"),
        ("https://api.example.com/v1", "example.com", "example.com"),
    ],
)
def test_passkeys_belong_to_a_domain(public_url: str, domain: str | None, rp_id: str) -> None:
    assert party(public_url, domain=domain).id == rp_id


def test_this_machine_is_localhost_to_browsers() -> None:
    here = party("http://127.0.0.1:8000", "http://localhost:3000")
    here.check("http://localhost:8000")
    here.check("http://localhost:3000")
    with pytest.raises(WrongOrigin, match="PASSKEY_RP_ID"):
        here.check("http://127.0.0.1:8000")


def test_pages_of_the_domain_may_ask_when_they_are_allowed() -> None:
    ours = party("https://api.example.com", "https://app.example.com", domain="example.com")
    ours.check("https://app.example.com")
    ours.check("https://api.example.com")
    for strange in (
        "https://other.example.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.example",
        "null",
        "",
    ):
        with pytest.raises(WrongOrigin, match="ALLOWED_ORIGINS"):
            ours.check(strange)


def test_an_allowed_page_of_another_domain_is_told_why_it_cannot() -> None:
    two = party("https://api.example.com", "https://badexample.com", domain="example.com")
    with pytest.raises(WrongOrigin, match=r"example\.com \(PASSKEY_RP_ID\)"):
        two.check("https://badexample.com")


@pytest.mark.parametrize(("stored", "told"), [(0, 0), (0, 1), (1, 2), (7, 900)])
def test_a_count_that_grows_or_is_not_kept_is_good(stored: int, told: int) -> None:
    check_count(stored, told)


@pytest.mark.parametrize(("stored", "told"), [(1, 1), (2, 1), (1, 0)])
def test_a_count_that_does_not_grow_tells_of_a_copy(stored: int, told: int) -> None:
    with pytest.raises(PasskeyCopied):
        check_count(stored, told)


@pytest.mark.parametrize(
    "wrong", ["https://example.com", "example.com:443", "Example.com", "com", ""]
)
def test_a_relying_party_is_named_by_a_domain(wrong: str) -> None:
    with pytest.raises(BadSettings, match=r"PASSKEY_RP_ID.*such as example\.com"):
        load(PasskeySettings, passkey_rp_id=wrong)


@pytest.mark.parametrize("right", ["localhost", "example.com", "app.example.co.kr"])
def test_a_domain_is_taken(right: str) -> None:
    assert load(PasskeySettings, passkey_rp_id=right).passkey_rp_id == right


def test_recovery_codes_alone_are_no_second_factor() -> None:
    assert not is_two_step((Factor.RECOVERY_CODE,))
    assert is_two_step((Factor.TOTP,))
    assert is_two_step((Factor.PASSKEY,))


def test_with_a_second_factor_the_password_is_no_proof() -> None:
    ways = WaysIn(password=True, identities=1, passkeys=1)
    assert proofs_of((), ways) == ("password",)
    assert proofs_of((Factor.PASSKEY,), ways) == ("passkey",)
    assert proofs_of((), WaysIn(password=False, identities=1, passkeys=0)) == ()


@pytest.mark.parametrize(
    ("methods", "two_steps", "enough"),
    [
        ((Method.PASSWORD,), False, True),
        ((Method.PASSWORD,), True, False),
        ((Method.SOCIAL,), True, False),
        ((Method.PASSWORD, Method.OTP), True, True),
        ((Method.RECOVERY_CODE,), True, True),
        ((Method.PASSKEY,), True, True),
    ],
)
def test_what_is_dangerous_needs_the_second_factor_of_who_has_one(
    methods: tuple[Method, ...], two_steps: bool, enough: bool
) -> None:
    proof = Proof(NOW, methods)
    assert proof.is_enough(NOW + timedelta(minutes=10), two_steps=two_steps) is enough
    assert not proof.is_enough(NOW + timedelta(minutes=10, seconds=1), two_steps=two_steps)
