"""Second factors as a front end meets them: codes, and passkeys in a real browser."""

import json
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyotp
import pytest

from tests.support.chromium import Page, a_page, find_chromium
from tests.support.front_end import PASSWORD, FrontEnd
from tests.support.suite import Suite

GUIDE = Path(__file__).parents[2] / "docs" / "accounts" / "second-factors.md"


async def test_a_user_enables_totp_logs_out_and_logs_in_with_a_code(user: FrontEnd) -> None:
    begun = await user.call("POST", "/api/auth/factors/totp", 201)
    app = pyotp.TOTP(begun["secret"])
    now = time.time()
    confirmed = await user.call(
        "POST", "/api/auth/factors/totp/confirm", json={"code": app.at(int(now))}
    )
    assert len(confirmed["recovery_codes"]) == 10
    await user.call("POST", "/api/auth/logout")
    await user.call("GET", "/api/auth/me", 401)
    del user.http.headers["authorization"]

    form = {"username": user.email, "password": PASSWORD}
    refusal = await user.call("POST", "/api/auth/login", 401, data=form)
    assert refusal["code"] == "second_factor_required"
    assert refusal["methods"] == ["totp", "recovery_code"]
    used = {"challenge": refusal["challenge"], "code": app.at(int(now))}
    await user.call("POST", "/api/auth/login/second-factor", 401, json=used)
    next_code = {"challenge": refusal["challenge"], "code": app.at(int(now) + 30)}
    session = await user.call("POST", "/api/auth/login/second-factor", json=next_code)
    user.http.headers["authorization"] = f"Bearer {session['access_token']}"
    assert (await user.call("GET", "/api/auth/me"))["email"] == user.email
    await user.call("DELETE", "/api/auth/factors/totp", 204)


async def test_a_browser_registers_a_passkey_and_logs_in_with_it(
    suite: Suite, user: FrontEnd
) -> None:
    program = find_chromium()
    if program is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    port = urlsplit(suite.address).port
    async with a_page(program) as page:
        await page.add_authenticator()
        await page.open(f"http://localhost:{port}/docs")
        await page.run("\n".join(_scripts()))
        token = user.session["access_token"]

        added = await _call(page, "registerPasskey", "Laptop", token)
        assert added["passkey"]["name"] == "Laptop"
        assert added["passkey"]["transports"] == ["internal"]
        assert len(added["recovery_codes"]) == 10

        session = await _call(page, "logInWithPasskey")
        assert session["user"]["email"] == user.email

        form = {"username": user.email, "password": PASSWORD}
        refusal = await user.call("POST", "/api/auth/login", 401, data=form)
        assert "passkey" in refusal["methods"]
        session = await _call(page, "passkeyAsSecondFactor", refusal["challenge"])
        assert session["user"]["email"] == user.email

        proved = await _call(page, "proveByPasskey", session["access_token"])
        assert "good_until" in proved

        again = await page.run(
            f"registerPasskey('Twice', {json.dumps(token)}).catch(error => error.name)"
        )
        assert again == "InvalidStateError"  # the device has one for this account


def _scripts() -> list[str]:
    """What the guide tells front ends to run."""
    found = re.findall(r"```js\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found


async def _call(page: Page, function: str, *arguments: str) -> dict[str, Any]:
    told = ", ".join(json.dumps(one) for one in arguments)
    answer: dict[str, Any] = await page.run(f"{function}({told})")
    return answer
