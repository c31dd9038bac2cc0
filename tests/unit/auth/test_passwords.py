import asyncio
import threading
import unicodedata

import pytest
from argon2 import PasswordHasher

from auth_service.accounts import passwords as module
from auth_service.accounts.passwords import Passwords, TooBusy


async def test_the_right_password_verifies_and_a_wrong_one_does_not() -> None:
    passwords = Passwords(cores=1)
    hashed = await passwords.hash("Correct7Horse")
    assert await passwords.verify("Correct7Horse", hashed)
    assert not await passwords.verify("correct7Horse", hashed)
    assert await passwords.hash("Correct7Horse") != hashed
    await passwords.close()


async def test_a_hash_is_verified_even_for_a_user_who_does_not_exist(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = Passwords(cores=1)
    verified: list[str] = []
    real = PasswordHasher.verify

    def watched(self: PasswordHasher, hashed: str, password: bytes) -> bool:
        verified.append(hashed)
        return real(self, hashed, password)

    monkeypatch.setattr(PasswordHasher, "verify", watched)
    assert not await passwords.verify("Correct7Horse", None)
    assert len(verified) == 1
    assert verified[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await passwords.close()


async def test_one_password_in_two_encodings_is_one_password() -> None:
    passwords = Passwords(cores=1)
    hashed = await passwords.hash(unicodedata.normalize("NFD", "비밀번호Aa1"))
    assert await passwords.verify(unicodedata.normalize("NFC", "비밀번호Aa1"), hashed)
    await passwords.close()


async def test_hashes_are_made_outside_of_the_event_loop() -> None:
    passwords = Passwords(cores=1)
    where = await passwords._run(lambda: threading.current_thread().name)
    assert where.startswith("passwords")
    await passwords.close()


async def test_who_comes_when_all_places_are_taken_is_told_to_try_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_PER_CORE", 1)
    passwords, go_on = Passwords(cores=1), threading.Event()
    under_way = asyncio.ensure_future(passwords._run(go_on.wait))
    await asyncio.sleep(0)
    with pytest.raises(TooBusy) as refused:
        await passwords.hash("Correct7Horse")
    assert refused.value.headers == {"retry-after": "2"}
    go_on.set()
    await under_way
    assert await passwords.hash("Correct7Horse")
    await passwords.close()
