import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import text
from structlog.testing import capture_logs

from auth_service.mail.carrier import Carrier
from auth_service.mail.console import ConsoleCarrier
from auth_service.mail.domain import LIFETIME, Letter, Template
from auth_service.mail.message import Mail
from auth_service.mail.postman import LEASE, Postman
from auth_service.mail.repository import Mails
from auth_service.mail.smtp import SmtpCarrier, SmtpServer
from auth_service.mail.use_cases import WriteLetter
from shared.db.database import Database
from shared.security.box import Box
from shared.security.principal import UserId
from tests.integration.auth.conftest import SECRET, Auth
from tests.support.clock import MovableClock
from tests.support.loopback import free_port
from tests.support.smtp import PASSWORD, USER, MailServer, mail_server

SENDER = Address("Madang", "no-reply", "example.com")
LINK = "https://api.example.com/api/auth/pages/reset-password#token=very-secret"
MINA = "mina@example.com"


class Office:
    """A box of letters, and those who empty it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = MovableClock(datetime(2026, 3, 1, tzinfo=UTC))
        self.letters = asyncio.Event()
        self.box = Box(SECRET, "mails")
        self.write_letter = WriteLetter(self.box, self.clock, self.letters.set)

    async def write(self, recipient: str = MINA, user: UserId | None = None) -> None:
        letter = Letter(Template.RESET_PASSWORD, recipient, "en", {"handle": "mina", "link": LINK})
        async with self.database.transaction() as tx:
            await self.write_letter(tx, letter, user)

    def postman(self, carrier: Carrier) -> Postman:
        return Postman(self.database, self.box, carrier, SENDER, self.clock, self.letters)

    async def waiting(self) -> int:
        query = text("SELECT count(*) AS n FROM mails WHERE handed_over_at IS NULL")
        row = await self.database.one(query)
        assert row is not None
        return int(row.n)


@pytest.fixture
def office(auth_database: Database) -> Office:
    return Office(auth_database)


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as found:
        yield found


def over_smtp(server: MailServer, user: str = "", options: str = "") -> SmtpCarrier:
    url = f"smtp://{user}127.0.0.1:{server.port}{options}"
    return SmtpCarrier(SmtpServer.parsed(url))


@asynccontextmanager
async def at_work(postman: Postman) -> AsyncIterator["asyncio.Task[None]"]:
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(postman.run(ready.set))
        await ready.wait()
        yield working
        if not working.cancelling():
            working.cancel()


def certificate(folder: Path) -> ssl.SSLContext:
    """A server that proves to be 127.0.0.1 to whoever trusts `folder / cert.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


async def test_a_letter_becomes_a_mail(office: Office, server: MailServer) -> None:
    await office.write()
    assert await office.postman(over_smtp(server)).deliver() == 1
    (message,) = server.messages
    assert server.recipients == [MINA]
    assert message["from"] == "Madang <no-reply@example.com>"
    assert message["subject"] == "Choose a new password"
    plain = message.get_body(("plain",))
    assert plain is not None
    assert LINK in plain.get_content()
    assert await office.waiting() == 0


async def test_what_a_mail_said_is_forgotten_and_that_it_was_a_little_later(
    office: Office, server: MailServer
) -> None:
    await office.write()
    await office.postman(over_smtp(server)).deliver()
    row = await office.database.one(text("SELECT sealed FROM mails"))
    assert row is not None
    assert row.sealed == b""
    assert await Mails(office.database).forget(office.clock.now() - timedelta(hours=1)) == 0
    office.clock.advance(3600)
    assert await Mails(office.database).forget(office.clock.now() - timedelta(hours=1)) == 1


async def test_a_mail_is_in_the_language_of_its_reader(auth: Auth, server: MailServer) -> None:
    user = await auth.register()
    office = Office(auth.database)
    await auth.database.run(text("DELETE FROM mails"))
    await auth.database.run(text("UPDATE users SET language = 'ko'"))
    letter = Letter(Template.PASSWORD_CHANGED, user["email"], "fr", {})
    async with office.database.transaction() as tx:
        await office.write_letter(tx, letter, UserId(user["id"]))
    await office.postman(over_smtp(server)).deliver()
    (message,) = server.messages
    assert message["subject"] == "비밀번호가 변경되었습니다"
    plain = message.get_body(("plain",))
    assert plain is not None
    assert f"{user['user_handle']} 님" in plain.get_content()


async def test_a_commit_wakes_the_postman_of_its_process(
    office: Office, server: MailServer
) -> None:
    async with at_work(office.postman(over_smtp(server))):
        await asyncio.sleep(0.05)  # now he waits
        async with asyncio.timeout(2):  # less than the time after which he looks by himself
            await office.write()
            while not server.messages:
                await asyncio.sleep(0.005)


async def test_a_transaction_that_fails_sends_no_mail(office: Office, server: MailServer) -> None:
    with suppress(ZeroDivisionError):
        async with office.database.transaction() as tx:
            letter = Letter(Template.RESET_PASSWORD, MINA, "en", {"link": LINK})
            await office.write_letter(tx, letter, None)
            raise ZeroDivisionError
    assert not office.letters.is_set()
    assert await office.postman(over_smtp(server)).deliver() == 0


async def test_two_postmen_hand_over_each_mail_once(office: Office, server: MailServer) -> None:
    for number in range(30):
        await office.write(f"user{number}@example.com")
    postmen = [office.postman(over_smtp(server)) for _ in range(3)]

    async def work(postman: Postman) -> None:
        while await postman.deliver():
            pass

    await asyncio.gather(*map(work, postmen))
    assert sorted(server.recipients) == sorted(f"user{number}@example.com" for number in range(30))


async def test_after_a_crash_a_mail_comes_again_and_can_be_recognised(
    office: Office, server: MailServer
) -> None:
    class CrashesAfterHandingOver:
        async def hand_over(self, mail: Mail) -> None:
            await over_smtp(server).hand_over(mail)
            raise asyncio.CancelledError

    await office.write()
    with pytest.raises(asyncio.CancelledError):
        await office.postman(CrashesAfterHandingOver()).deliver()
    survivor = office.postman(over_smtp(server))
    assert await survivor.deliver() == 0
    office.clock.advance(LEASE.total_seconds())
    assert await survivor.deliver() == 1
    first, second = server.messages
    assert first["message-id"] == second["message-id"]
    assert await office.waiting() == 0


async def test_a_mail_in_hand_is_finished_when_the_process_ends(
    office: Office, server: MailServer
) -> None:
    server.takes.clear()
    await office.write()
    async with at_work(office.postman(over_smtp(server))) as working:
        await server.receives.wait()
        working.cancel()
        await asyncio.sleep(0.05)
        assert not working.done()
        server.takes.set()
    assert await office.waiting() == 0
    assert len(server.messages) == 1


@pytest.mark.parametrize("answers", ["to_recipient", "to_data"])
async def test_what_is_refused_for_now_is_tried_again(
    office: Office, server: MailServer, answers: str
) -> None:
    getattr(server, answers).extend([f"450 {MINA} is busy", "451 later"])
    await office.write()
    postman = office.postman(over_smtp(server))
    for pause in (5, 10):
        assert await postman.deliver() == 1
        office.clock.advance(pause - 1)
        assert await postman.deliver() == 0
        office.clock.advance(1)
    assert await postman.deliver() == 1
    assert server.recipients == [MINA]


@pytest.mark.parametrize("answers", ["to_recipient", "to_data"])
async def test_what_is_refused_for_good_is_given_up_without_telling_the_address(
    office: Office, server: MailServer, answers: str
) -> None:
    getattr(server, answers).append(f"550 no such user {MINA}")
    await office.write()
    with capture_logs() as logs:
        await office.postman(over_smtp(server)).deliver()
    assert await office.waiting() == 0
    (line,) = logs
    assert line["event"] == "mail_given_up"
    assert "550" in line["reason"]
    assert MINA not in str(logs)
    assert "very-secret" not in str(logs)


async def test_a_connection_that_breaks_is_tried_again(office: Office, server: MailServer) -> None:
    server.breaks_off = 1
    await office.write()
    postman = office.postman(over_smtp(server))
    with capture_logs() as logs:
        await postman.deliver()
    assert [line["event"] for line in logs] == ["mail_postponed"]
    server.messages.clear()
    office.clock.advance(5)
    await postman.deliver()
    assert len(server.messages) == 1


async def test_a_server_that_is_away_is_tried_for_a_day(office: Office) -> None:
    carrier = SmtpCarrier(SmtpServer.parsed(f"smtp://127.0.0.1:{free_port()}"))
    await office.write()
    postman = office.postman(carrier)
    tries = 0
    with capture_logs() as logs:
        while await office.waiting():
            tries += await postman.deliver()
            office.clock.advance(900)
    assert 90 <= tries <= LIFETIME.total_seconds() / 900 + 1
    assert {line["event"] for line in logs[:-1]} == {"mail_postponed"}
    assert logs[-1]["event"] == "mail_given_up"
    assert MINA not in str(logs)


@pytest.fixture
async def strict_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MailServer]:
    """One that asks for TLS and a password, and that is trusted."""
    async with mail_server(tls=certificate(tmp_path), asks_for_password=True) as found:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        yield found


async def test_mails_go_over_tls_with_a_password(office: Office, strict_server: MailServer) -> None:
    await office.write()
    user = f"{USER}:{quote(PASSWORD, safe='')}@"
    await office.postman(over_smtp(strict_server, user, "?tls=required")).deliver()
    assert (strict_server.over_tls, strict_server.users) == ([True], [USER])


@pytest.mark.parametrize(
    ("user", "reason"),
    [("postman:wrong@", "SMTPAuthenticationError 535"), ("", "SMTPSenderRefused 530")],
)
async def test_a_wrong_password_loses_no_mail(
    office: Office, strict_server: MailServer, user: str, reason: str
) -> None:
    await office.write()
    with capture_logs() as logs:
        await office.postman(over_smtp(strict_server, user, "?tls=required")).deliver()
    assert await office.waiting() == 1
    assert (logs[0]["event"], logs[0]["reason"]) == ("mail_postponed", reason)


async def test_no_mail_goes_to_a_server_that_offers_no_tls_where_it_is_required(
    office: Office, server: MailServer
) -> None:
    await office.write()
    await office.postman(over_smtp(server, options="?tls=required")).deliver()
    assert (await office.waiting(), server.messages) == (1, [])


async def test_no_mail_goes_to_a_server_that_proves_to_be_nobody(
    office: Office, tmp_path: Path
) -> None:
    async with mail_server(tls=certificate(tmp_path)) as server:
        await office.write()
        with capture_logs() as logs:
            await office.postman(over_smtp(server, options="?tls=required")).deliver()
        assert (await office.waiting(), server.messages) == (1, [])
        assert "certificate" in logs[0]["reason"].lower()


async def test_a_letter_to_nobody_is_dropped(office: Office, server: MailServer) -> None:
    await office.write("")
    assert await office.postman(over_smtp(server)).deliver() == 1
    assert (await office.waiting(), server.messages) == (0, [])


async def test_a_letter_sealed_with_another_key_is_given_up(
    office: Office, server: MailServer
) -> None:
    await office.write()
    office.box = Box("another secret that is long enough", "mails")
    with capture_logs() as logs:
        await office.postman(over_smtp(server)).deliver()
    assert await office.waiting() == 0
    assert logs[0]["reason"] == "it was sealed with another SECRET_KEY"


async def test_one_mail_that_cannot_be_made_does_not_hold_up_the_others(
    office: Office, server: MailServer
) -> None:
    await office.write("no address")
    await office.write()
    with capture_logs() as logs:
        await office.postman(over_smtp(server)).deliver()
    assert server.recipients == [MINA]
    assert await office.waiting() == 1
    assert "no address" not in str(logs)


async def test_the_console_writes_mails_for_this_user_alone(office: Office, tmp_path: Path) -> None:
    outbox = tmp_path / "home" / "mail"
    recipient = f"{uuid4().hex}@example.com"
    await office.write(recipient)
    with capture_logs() as logs:
        await office.postman(ConsoleCarrier(outbox)).deliver()
    (file,) = outbox.iterdir()
    content = file.read_text()
    assert LINK in content
    assert recipient in content
    assert (outbox.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    (line,) = logs
    assert (line["event"], line["file"]) == ("mail_waits_in_outbox", str(file))
    assert recipient not in str(logs)
    assert "very-secret" not in str(logs)


async def test_an_outbox_that_cannot_be_written_to_loses_no_mail(
    office: Office, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    await office.write()
    with capture_logs() as logs:
        await office.postman(ConsoleCarrier(tmp_path / "file")).deliver()
    assert await office.waiting() == 1
    assert "MAIL_OUTBOX" in logs[0]["reason"]
