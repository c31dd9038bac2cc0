import os
import sys
import threading
import unicodedata
from pathlib import Path
from time import perf_counter

import bcrypt
import pytest
from argon2 import PasswordHasher

from auth_service.accounts import hashes as module
from auth_service.accounts.cores import give_way, usable_cores
from auth_service.accounts.hashes import Hashes
from auth_service.accounts.passwords import Passwords

PASSWORD = "Correct7Horse"
HASHES = Hashes()


def bcrypt_hash(password: str, prefix: str = "$2b$", cost: int = 4) -> str:
    hashed = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(cost)).decode()
    return prefix + hashed[4:]


# ---- what users bring


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_a_bcrypt_hash_verifies_and_is_renewed(prefix: str) -> None:
    verdict = HASHES.verify(PASSWORD, bcrypt_hash(PASSWORD, prefix))
    assert verdict.is_right
    assert verdict.renewed is not None
    assert verdict.renewed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert HASHES.verify(PASSWORD, verdict.renewed) == (True, None)


def test_a_wrong_password_of_a_bcrypt_user_is_wrong_and_renews_nothing() -> None:
    assert HASHES.verify("Wrong7Horse", bcrypt_hash(PASSWORD)) == (False, None)


@pytest.mark.parametrize(
    "hasher",
    [PasswordHasher(1, 8 * 1024, 1), PasswordHasher(3, 64 * 1024, 4), PasswordHasher(2, 19456, 2)],
)
def test_argon2_with_other_parameters_is_renewed(hasher: PasswordHasher) -> None:
    verdict = HASHES.verify(PASSWORD, hasher.hash(PASSWORD))
    assert verdict.is_right
    assert verdict.renewed is not None
    assert not HASHES.is_outdated(verdict.renewed)


def test_a_hash_of_today_is_left_as_it_is() -> None:
    assert HASHES.verify(PASSWORD, HASHES.make(PASSWORD)) == (True, None)


def test_more_than_bcrypt_looks_at_is_cut_and_never_kept() -> None:
    long = "Aa1" + "x" * 80
    hashed = bcrypt_hash(long)
    assert HASHES.verify(long, hashed) == (True, None)
    # another end is right as well, as it was before; it must not become the password
    assert HASHES.verify(long[:72] + "typed wrongly", hashed) == (True, None)
    assert not HASHES.verify(long[:71], hashed).is_right


def test_seventy_two_bytes_are_looked_at_whole() -> None:
    password = "Aa1" + "비" * 23
    assert len(password.encode()) == 72
    assert HASHES.verify(password, bcrypt_hash(password)).renewed


def test_bcrypt_may_have_seen_the_characters_in_another_encoding() -> None:
    typed = unicodedata.normalize("NFD", "비밀번호Aa1")
    assert HASHES.verify(typed, bcrypt_hash(typed)).is_right
    assert HASHES.verify(typed, bcrypt_hash(unicodedata.normalize("NFC", typed))).is_right


@pytest.mark.parametrize(
    "hashed",
    ["", "Correct7Horse", "$2b$", "$2b$04$short", "$2x$04$" + "a" * 53, "$2b$99$" + "a" * 53,
     "$argon2id$", "$argon2id$v=19$m=19456,t=2,p=1$AAAA$BBBB", "$1$md5", "{SHA}x"],
)  # fmt: skip
def test_what_is_no_hash_that_we_know_lets_nobody_in_and_takes_as_long(
    hashed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[str] = []
    real = PasswordHasher.verify

    def watched(self: PasswordHasher, hashed: str, password: bytes) -> bool:
        worked.append(hashed)
        return real(self, hashed, password)

    monkeypatch.setattr(PasswordHasher, "verify", watched)
    assert HASHES.verify(PASSWORD, hashed) == (False, None)
    assert worked[-1].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert worked[-1] != hashed


@pytest.mark.parametrize("password", ["", "\0", "a\0b", "\ud800", "Aa1" + "x" * 1000])
def test_strange_passwords_are_hashed_like_others(password: str) -> None:
    assert HASHES.verify(password, HASHES.make(password)).is_right
    assert not HASHES.verify(password, bcrypt_hash(PASSWORD)).is_right


# ---- time


async def test_once_there_are_old_hashes_refusals_take_the_same_time() -> None:
    passwords = Passwords(cores=1)
    slow, new = bcrypt_hash(PASSWORD, cost=9), await passwords.hash(PASSWORD)
    await passwords.verify("Wrong7Horse", slow)

    async def seconds(hashed: str | None) -> float:
        started = perf_counter()
        assert not await passwords.verify("Wrong7Horse", hashed)
        return perf_counter() - started

    try:
        fastest = {
            name: min([await seconds(hashed) for _ in range(5)])
            for name, hashed in (("old", slow), ("new", new), ("nobody", None))
        }
    finally:
        await passwords.close()
    # without the steps, bcrypt takes half again as long or longer
    assert max(fastest.values()) - min(fastest.values()) < 0.008, fastest


async def test_without_old_hashes_nobody_waits() -> None:
    passwords = Passwords(cores=1)
    hashed = await passwords.hash(PASSWORD)
    for _ in range(3):
        assert not await passwords.verify("Wrong7Horse", hashed)
        assert not await passwords.verify("Wrong7Horse", None)
    assert passwords._step == 0
    await passwords.close()


# ---- cores


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux")
async def test_hashing_runs_behind_everything_else() -> None:
    passwords = Passwords(cores=1)
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert await passwords._run(priority) == 10
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own
    await passwords.close()


def test_elsewhere_priorities_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    changed: list[object] = []
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "setpriority", lambda *to: changed.append(to))
    give_way()
    assert changed == []


@pytest.mark.parametrize(
    ("limit", "share"),
    [("200000 100000", 2), ("50000 100000", 1), ("150000 100000", 1), ("max 100000", None),
     ("", None), ("rubbish", None)],
)  # fmt: skip
def test_cores_are_those_that_the_container_may_use_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, share: int | None
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    file = tmp_path / "cpu.max"
    file.write_text(limit)
    assert usable_cores(file) == (share or 8)
    assert usable_cores(tmp_path / "none") == 8


def test_the_work_is_that_of_the_owasp_sheet() -> None:
    assert (module._PASSES, module._KIBIBYTES, module._LANES) == (2, 19 * 1024, 1)
