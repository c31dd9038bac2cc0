"""Links in mails, from the mailbox to the API, over both topologies."""

import re
import secrets

from tests.support.front_end import PASSWORD, FrontEnd, until
from tests.support.suite import Suite

NEW = "Another-Courtyard-43"


async def link_in_mail(suite: Suite, address: str, page: str) -> tuple[str, str]:
    """The page and the secret of the last link of that kind, once the mail has come."""

    def found() -> list[tuple[str, str]]:
        texts = [message.get_body(("plain",)) for message in suite.mails_to(address)]
        assert None not in texts
        content = "\n".join(text.get_content() for text in texts if text)
        return re.findall(rf"({suite.address}\S+/{page})#token=(\S+)", content)

    async def has_come() -> bool:
        return bool(found())

    await until(has_come)
    return found()[-1]


async def test_an_address_is_confirmed_and_a_forgotten_password_replaced(suite: Suite) -> None:
    async with suite.client() as http:
        user = FrontEnd(http)
        account = {"email": user.email, "password": PASSWORD, "user_handle": user.name}
        await user.call("POST", "/api/auth/register", 201, json=account)

        page, token = await link_in_mail(suite, user.email, "verify-email")
        shown = await http.get(page, headers={"accept-language": "ko"})
        assert (shown.status_code, shown.headers["content-language"]) == (200, "ko")
        assert shown.headers["content-security-policy"].startswith("default-src 'none'; script")
        for asset in ("page.js", "page.css"):
            assert (await http.get(page.replace("verify-email", asset))).status_code == 200
        await user.call("POST", "/api/auth/verify-email", json={"token": token})

        await user.call("POST", "/api/auth/password/forgot", 202, json={"email": user.email})
        _, token = await link_in_mail(suite, user.email, "reset-password")
        old = {"email": user.email, "password": PASSWORD}
        session = await user.call("POST", "/api/auth/login", json=old)
        reset = {"token": token, "password": NEW}
        await user.call("POST", "/api/auth/password/reset", json=reset)
        await user.call("POST", "/api/auth/login", 401, json=old)
        headers = {"authorization": f"Bearer {session['access_token']}"}
        await user.call("GET", "/api/auth/me", 401, headers=headers)
        session = await user.call("POST", "/api/auth/login", json=old | {"password": NEW})
        assert session["user"]["email_verified"] is True


async def test_an_address_is_changed_by_a_link_to_the_new_one(suite: Suite, user: FrontEnd) -> None:
    new = f"{secrets.token_hex(6)}@example.org"
    await user.call("POST", "/api/auth/email", 202, json={"email": new})
    _, token = await link_in_mail(suite, new, "change-email")
    await user.call("POST", "/api/auth/email/confirm", json={"token": token})
    assert (await user.call("GET", "/api/auth/me"))["email"] == new

    async def is_told() -> bool:
        return "Your e-mail address has been changed" in [
            message["subject"] for message in suite.mails_to(user.email)
        ]

    await until(is_told)


async def test_no_log_holds_an_address_or_a_link(suite: Suite, user: FrontEnd) -> None:
    _, token = await link_in_mail(suite, user.email, "verify-email")
    for process in suite.processes.values():
        written = process.log.read_text(errors="replace")
        assert token not in written
        assert user.email not in written
