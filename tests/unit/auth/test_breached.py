import hashlib
import random
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.accounts.breached.__main__ import main
from auth_service.accounts.breached.build import NotAList, build
from auth_service.accounts.breached.filter import PAGE_BYTES, Filter, NotAFilter, write
from auth_service.accounts.breached.passwords import SHIPPED, BreachedPasswords, digest_of
from auth_service.accounts.password_rules import mistakes, plain
from auth_service.settings import AuthSettings
from shared.settings import BadSettings, load

BREACHED = BreachedPasswords()
COMMON = (
    "Password1", "Qwerty123", "Trustno1", "1qaz2wsx", "Abcd1234", "Passw0rd", "Password123",
    "Welcome1", "Iloveyou1", "Michael1", "Jordan23", "Qwer1234", "1Q2w3e4r", "Charlie1",
    "Football1", "Sunshine1", "Princess1", "P@ssw0rd", "Monkey123", "Letmein1",
)  # fmt: skip
random_password = random.Random(7)


def stranger() -> str:
    alphabet = string.ascii_letters + string.digits
    return "".join(random_password.choices(alphabet, k=14))


def hibp(*passwords: str, count: int = 3) -> str:
    """A list as haveibeenpwned.com hands it out: sorted, upper case, CRLF."""
    digests = sorted(hashlib.sha1(one.encode()).hexdigest().upper() for one in passwords)
    return "".join(f"{digest}:{count}\r\n" for digest in digests)


# ---- what ships


@pytest.mark.parametrize("password", COMMON)
def test_what_guessers_try_first_is_known_in_any_case(password: str) -> None:
    for spelling in (password, password.lower(), password.swapcase(), password.upper()):
        assert spelling in BREACHED


def test_width_does_not_hide_a_password() -> None:
    assert "Ｐａｓｓｗｏｒｄ１" in BREACHED
    assert "Password１" in BREACHED


def test_a_hundred_thousand_and_more_fit_in_400_kib() -> None:
    (shipped,) = BREACHED.filters
    assert shipped.entries >= 100_000
    assert SHIPPED.stat().st_size <= 400 * 1024


def test_one_stranger_in_five_thousand_at_most_is_taken_for_known() -> None:
    (shipped,) = BREACHED.filters
    assert 0.0001 < shipped.false_positives < 0.0002  # stated in the docs: 1 in 7,000
    taken = sum(stranger() in BREACHED for _ in range(50_000))
    assert taken < 50_000 * 3 * shipped.false_positives + 25


def test_what_is_no_text_is_not_known() -> None:
    assert None not in BREACHED
    assert b"password1" not in BREACHED


def test_the_rule_is_named() -> None:
    assert list(mistakes("Password1", BREACHED, ())) == [
        "must not be a password that is known from data breaches"
    ]


# ---- filters in general


@given(st.sets(st.binary(min_size=20, max_size=20), max_size=200))
def test_a_filter_knows_all_that_was_put_in(
    tmp_path_factory: pytest.TempPathFactory, digests: set[bytes]
) -> None:
    path = tmp_path_factory.mktemp("filters") / "some.filter"
    write(path, digests, len(digests), 16)
    made = Filter(path)
    assert made.entries == len(digests)
    assert all(one in made for one in digests)
    made.close()


@pytest.mark.parametrize(("bits", "share"), [(8, 1 / 39), (16, 1 / 1_740)])
def test_the_share_of_false_positives_is_what_is_said(
    tmp_path: Path, bits: int, share: float
) -> None:
    path = tmp_path / "made.filter"
    write(path, (digest_of(str(number)) for number in range(40_000)), 40_000, bits)
    made = Filter(path)
    found = sum(digest_of(f"stranger {number}") in made for number in range(60_000)) / 60_000
    assert made.false_positives == pytest.approx(share, rel=0.25)
    assert found == pytest.approx(share, rel=0.35)


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 5000, b"x" * (4096 + PAGE_BYTES)])
def test_another_file_is_no_filter(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(NotAFilter, match="filter of passwords"):
        Filter(path)


def test_half_a_filter_is_none(tmp_path: Path) -> None:
    path = tmp_path / "half"
    path.write_bytes(SHIPPED.read_bytes()[:-1])
    with pytest.raises(NotAFilter, match="not a whole filter"):
        Filter(path)


def test_a_filter_that_could_not_be_finished_does_not_appear(tmp_path: Path) -> None:
    path = tmp_path / "made.filter"
    path.write_bytes(b"what was there before")

    def failing() -> object:
        yield digest_of("one")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        write(path, failing(), 2, 16)  # type: ignore[arg-type]
    assert path.read_bytes() == b"what was there before"
    assert [one.name for one in tmp_path.iterdir()] == ["made.filter"]


# ---- the operator's own


def test_a_downloaded_list_becomes_a_filter_that_is_asked_too(tmp_path: Path) -> None:
    source, target = tmp_path / "pwned.txt", tmp_path / "pwned.filter"
    source.write_text(hibp("Zebra42Sunday", "kangaroo9quilt", "비밀번호Aa1"))
    assert build(source, target, 16, 1) == 3
    breached = BreachedPasswords(target)
    assert "Zebra42Sunday" in breached
    assert "Kangaroo9Quilt" in breached  # known in small letters
    assert "비밀번호Aa1" in breached
    assert "Password1" in breached  # the built-in one is still asked
    assert "zebra42sunday" not in breached  # seen only as it was typed
    assert "Unseen5Sparrow" not in breached


def test_rare_ones_can_be_left_out(tmp_path: Path) -> None:
    source, target = tmp_path / "pwned.txt", tmp_path / "pwned.filter"
    source.write_text(hibp("Zebra42Sunday", count=2) + hibp("Otter77Monday", count=10))
    assert build(source, target, 16, 10) == 1
    assert "Otter77Monday" in BreachedPasswords(target)
    assert "Zebra42Sunday" not in BreachedPasswords(target)


def test_a_list_without_counts_or_with_empty_lines_is_read(tmp_path: Path) -> None:
    source, target = tmp_path / "pwned.txt", tmp_path / "pwned.filter"
    source.write_text("\n" + hashlib.sha1(b"Zebra42Sunday").hexdigest() + "\n\n")
    assert build(source, target, 16, 1) == 1
    assert "Zebra42Sunday" in BreachedPasswords(target)


@pytest.mark.parametrize("line", ["password1", "abc:3", "g" * 40 + ":1", "a" * 39, "a" * 40 + ":x"])
def test_a_line_that_cannot_be_read_is_named_and_nothing_is_written(
    tmp_path: Path, line: str
) -> None:
    source, target = tmp_path / "pwned.txt", tmp_path / "pwned.filter"
    source.write_text(hibp("Zebra42Sunday") + line + "\n")
    with pytest.raises(NotAList, match="line 2: expected 40 hexadecimal digits"):
        build(source, target, 16, 1)
    assert not target.exists()


def test_the_command_says_what_it_made(tmp_path: Path) -> None:
    source, target = tmp_path / "pwned.txt", tmp_path / "pwned.filter"
    source.write_text(hibp("Zebra42Sunday", "kangaroo9quilt"))
    done = subprocess.run(
        [sys.executable, "-m", "auth_service.accounts.breached", "build", source, target],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "2 passwords in 12,288 bytes" in done.stdout
    assert "Zebra42Sunday" in BreachedPasswords(target)


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "none.txt"
    assert main(["build", str(missing), str(tmp_path / "out")]) == 1
    assert "none.txt" in capsys.readouterr().err


def test_a_setting_that_names_no_filter_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("Password1\n" * 10)
    for path, told in ((tmp_path / "none", "No such file"), (tmp_path / "list.txt", "too|not a")):
        with pytest.raises(BadSettings, match=told):
            load(
                AuthSettings, secret_key="s" * 32, database_url="postgresql+asyncpg://x/y",
                amqp_url="amqp://x", storage_url="file:///tmp", breached_passwords=path,
            )  # fmt: skip


@given(st.text(max_size=40))
def test_the_plain_form_is_stable(password: str) -> None:
    assert plain(plain(password)) == plain(plain(plain(password)))
