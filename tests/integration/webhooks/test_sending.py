"""One request to somebody on the internet of whom nothing is trusted."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jobs_service.webhooks import sender as sender_module
from jobs_service.webhooks import urls
from jobs_service.webhooks.domain import Outcome
from jobs_service.webhooks.resolver import Resolver
from jobs_service.webhooks.sender import Resolve, Sender
from jobs_service.webhooks.urls import UrlRules
from tests.support.clock import MovableClock
from tests.support.receiver import Answer, endless, raw, receiving, says, waits

NAME = "hooks.app.example"
HERE = UrlRules(secure=False, private=True)
PUBLIC = UrlRules(secure=False, private=False)
NOT_PUBLIC = "the host leads to an address that is not of the public internet"


def leads_to(*answers: Sequence[str]) -> Resolve:
    """A resolver that says one thing after the other, and the last for ever."""
    left = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


async def nobody(host: str, port: int) -> Sequence[str]:
    raise AssertionError(f"{host} was looked up")


@asynccontextmanager
async def sender(
    rules: UrlRules = HERE,
    resolve: Resolve | None = None,
    seconds: float = 5,
    trust: ssl.SSLContext | None = None,
) -> AsyncIterator[Sender]:
    context = trust or ssl.create_default_context()
    found = Sender(rules, MovableClock(), context, resolve or leads_to(["127.0.0.1"]), seconds)
    yield found
    await found.close()


async def sent(
    url: str, rules: UrlRules = HERE, resolve: Resolve | None = None, seconds: float = 5
) -> Outcome:
    async with sender(rules, resolve, seconds) as send:
        return await send(url, {"x-test": "1"}, b"{}")


async def test_a_request_arrives_with_the_name_that_was_asked_for() -> None:
    async with receiving() as receiver:
        url = f"http://{NAME}:{receiver.port}/hooks?key=1"
        assert await sent(url) == Outcome(204)
    (received,) = receiver.received
    assert received.path == "/hooks?key=1"
    assert received.headers["host"] == f"{NAME}:{receiver.port}"
    assert received.headers["x-test"] == "1"
    assert received.body == b"{}"


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["0.0.0.0"],
        ["::ffff:127.0.0.1"],
        ["::ffff:169.254.169.254"],
        ["169.254.169.254"],
        ["fe80::1%lo"],
        ["1.1.1.1", "10.0.0.1"],
    ],
)
async def test_a_public_name_that_leads_inside_is_refused(addresses: list[str]) -> None:
    assert await sent(f"http://{NAME}/", PUBLIC, leads_to(addresses)) == Outcome(error=NOT_PUBLIC)


async def test_a_name_is_looked_up_once_and_where_it_led_is_where_the_request_goes() -> None:
    """DNS rebinding: what was judged first would be another address at a second look."""
    asked = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    async with receiving() as receiver:
        assert await sent(f"http://{NAME}:{receiver.port}/", resolve=rebinding) == Outcome(204)
    assert asked == [NAME]


async def test_every_request_is_judged_anew() -> None:
    resolve = leads_to(["192.0.2.1"], ["127.0.0.1"])
    async with sender(PUBLIC, resolve) as send:
        for _ in range(2):
            assert await send(f"http://{NAME}/", {}, b"") == Outcome(error=NOT_PUBLIC)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "2130706433"]
)
async def test_a_literal_address_inside_is_refused_before_anything_is_asked(host: str) -> None:
    outcome = await sent(f"http://{host}:8080/", PUBLIC, nobody)
    assert "must name a host of the public internet" in str(outcome.error)


async def test_a_name_without_an_address_is_told_of() -> None:
    assert await sent(f"http://{NAME}/", PUBLIC, leads_to([])) == Outcome(
        error="the host has no address"
    )


async def test_a_redirect_that_keeps_the_method_is_followed() -> None:
    async with receiving() as receiver:
        receiver.answers = [says(307, location="/b"), says(308, location="/c")]
        assert await sent(receiver.url) == Outcome(204)
    assert [one.path for one in receiver.received] == ["/hooks", "/b", "/c"]
    assert [one.body for one in receiver.received] == [b"{}"] * 3


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://inside.example/", NOT_PUBLIC),
        ("http://127.0.0.1/", "public internet"),
        ("http://[::1]:8080/", "public internet"),
        ("ftp://app.example/", "must begin with"),
        ("http://u:p@app.example/", "user or a password"),
        ("http://app.example:22/", "ports"),
        ("http://[", "leads to no URL"),
        ("http://마당.example/", "ASCII"),
    ],
)
async def test_where_a_redirect_leads_is_judged_as_the_first_url(
    location: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver's address counts as public here, as that of no test can be by itself."""
    monkeypatch.setattr(sender_module, "is_public", lambda address: address == "127.0.0.3")

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.3"] if host == NAME else ["127.0.0.1"]

    async with receiving(host="127.0.0.3") as receiver:
        monkeypatch.setattr(urls, "_PORTS", (80, 8080, receiver.port))
        receiver.answers = [says(307, location=location)]
        outcome = await sent(f"http://{NAME}:{receiver.port}/", PUBLIC, resolve)
    assert len(receiver.received) == 1
    assert reason in str(outcome.error)


async def test_redirects_have_an_end() -> None:
    async with receiving() as receiver:
        receiver.answers = [says(307, location="/again") for _ in range(9)]
        outcome = await sent(receiver.url)
    assert outcome == Outcome(error="there were more than 3 redirects")
    assert len(receiver.received) == 4


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_a_redirect_that_would_lose_the_body_is_a_failure(status: int) -> None:
    async with receiving() as receiver:
        receiver.answers = [says(status, location="/b")]
        outcome = await sent(receiver.url)
    assert outcome.status == status
    assert "change the URL" in str(outcome.error)
    assert len(receiver.received) == 1


async def test_an_endless_body_is_cut_off_and_its_status_counts() -> None:
    async with receiving() as receiver:
        receiver.answers = [endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096)]
        assert await sent(receiver.url) == Outcome(200)


async def test_a_body_that_never_comes_changes_nothing_of_its_status() -> None:
    async with receiving() as receiver:
        head = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
        receiver.answers = [waits_after(head)]
        assert await sent(receiver.url) == Outcome(200)


def waits_after(head: bytes) -> Answer:
    """A head, and nothing for long."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await writer.drain()
        await asyncio.sleep(30)

    return answer


async def test_an_endless_head_is_a_failure() -> None:
    async with receiving() as receiver:
        receiver.answers = [endless(b"HTTP/1.1 200 OK\r\n", b"x: " + b"y" * 4000 + b"\r\n")]
        outcome = await sent(receiver.url)
    assert outcome.status is None
    assert "spoke no HTTP" in str(outcome.error)


async def test_a_head_that_comes_drop_by_drop_is_given_up() -> None:
    async def dribbles(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nx: ")
        while True:
            writer.write(b"y")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with receiving() as receiver:
        receiver.answers = [dribbles]
        outcome = await sent(receiver.url, seconds=0.3)
    assert outcome == Outcome(error="there was no answer within 0.3 seconds")


async def test_who_says_nothing_is_given_up() -> None:
    async with receiving() as receiver:
        forever = asyncio.Event()
        receiver.answers = [waits(forever)]
        outcome = await sent(receiver.url, seconds=0.2)
        forever.set()
    assert outcome == Outcome(error="there was no answer within 0.2 seconds")


async def test_a_slow_look_up_counts_too() -> None:
    async def slow(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(30)
        return []

    outcome = await sent(f"http://{NAME}/", resolve=slow, seconds=0.1)
    assert outcome == Outcome(error="there was no answer within 0.1 seconds")


@pytest.mark.parametrize("content", [b"", b"\x15\x03\x01\x00\x02\x02\x16 nothing\r\n\r\n"])
async def test_what_is_no_http_is_a_failure(content: bytes) -> None:
    async with receiving() as receiver:
        receiver.answers = [raw(content)]
        outcome = await sent(receiver.url)
    assert outcome.status is None
    assert "spoke no HTTP" in str(outcome.error)


async def test_who_does_not_listen_is_told_of() -> None:
    async with receiving() as receiver:
        pass
    outcome = await sent(receiver.url)
    assert str(outcome.error).startswith("no connection could be made")


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    async with receiving() as receiver:
        url = f"http://{NAME}:{receiver.port}/"
        assert await sent(url, resolve=leads_to(["127.0.0.9", "127.0.0.1"])) == Outcome(204)


async def test_a_name_that_nobody_knows_is_told_of() -> None:
    resolver = Resolver()
    outcome = await sent("http://hooks.invalid/", resolve=resolver)
    assert str(outcome.error).startswith("the host was not found")
    assert "127.0.0.1" in await resolver("127.0.0.1", 80)
    await resolver.close()


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("120", 120.0),
        ("9" * 5000, 999_999_999.0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0),
        ("Thu, 01 Jan 2015 00:01:00 GMT", 0.0),
        ("Thu, 01 Jan 99999999999 00:00:00 GMT", None),
        ("soon", None),
        ("-5", None),
    ],
)
async def test_a_receiver_may_say_when_to_ask_again(
    retry_after: str, seconds: float | None
) -> None:
    async with receiving() as receiver:
        receiver.answers = [says(429, retry_after=retry_after)]
        assert await sent(receiver.url) == Outcome(429, None, seconds)


def certificate(folder: Path, name: x509.GeneralName) -> ssl.SSLContext:
    """A server that proves to be `name` to whoever trusts `folder / cert.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
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


async def test_tls_asks_for_the_name_and_not_for_the_address(tmp_path: Path) -> None:
    server = certificate(tmp_path, x509.DNSName(NAME))
    asked_for = []
    server.sni_callback = lambda _, name, __: asked_for.append(name)
    trust = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    async with receiving(server) as receiver, sender(trust=trust) as send:
        assert await send(f"https://{NAME}:{receiver.port}/", {}, b"") == Outcome(204)
        other = await send(f"https://other.example:{receiver.port}/", {}, b"")
    assert asked_for == [NAME, "other.example"]
    assert "certificate verify failed" in str(other.error)
    assert len(receiver.received) == 1


async def test_who_is_vouched_for_by_nobody_gets_nothing(tmp_path: Path) -> None:
    server = certificate(tmp_path, x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    async with receiving(server) as receiver:
        outcome = await sent(f"https://127.0.0.1:{receiver.port}/")
    assert "certificate verify failed" in str(outcome.error)
    assert receiver.received == []
