"""Upstreams at https:// addresses: who vouches for them, and for which name."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.upstream.limits import Limits
from gateway.upstream.pool import Origin, Pool
from gateway.upstream.proxy import Proxy
from shared.http.clients import over_http
from tests.integration.gateway.support import (
    Answered,
    Peer,
    answering,
    connected,
    scripted,
    serving,
)
from tests.support.gateway import CLOCK, everywhere, gateway

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
LARGE = b"x" * 3_000_000


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority of this test alone."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def server(self, folder: Path, host: str) -> ssl.SSLContext:
        """What a server needs that proves to be `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        certificate = signed("server", key, self.certificate.subject, self.key, names)
        (folder / "key.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        return context


def authority() -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    ca = x509.BasicConstraints(ca=True, path_length=0)
    return Authority(key, signed("authority", key, named("authority"), key, ca))


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(CLOCK.now() - timedelta(hours=1))
        .not_valid_after(CLOCK.now() + timedelta(hours=1))
        .add_extension(extension, critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


@asynccontextmanager
async def proxying(url: str, authorities: str | None) -> AsyncIterator[int]:
    pool = Pool("content", Origin.of(url), Limits(connect=2), CLOCK, authorities)
    try:
        async with serving(gateway(everywhere(Proxy(pool)))) as port:
            yield port
    finally:
        await pool.close()


async def asked(tls: ssl.SSLContext, authorities: str | None) -> Answered:
    async with (
        scripted(answering(OK), tls) as upstream,
        proxying(upstream.url, authorities) as port,
        connected(port) as client,
    ):
        await client.send()
        return await client.answer()


async def test_an_upstream_is_reached_that_the_given_authority_vouches_for(tmp_path: Path) -> None:
    known = authority()
    answer = await asked(known.server(tmp_path, "127.0.0.1"), known.pem)
    assert (answer.status, answer.body) == (200, b"ok")


async def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    known = authority()
    assert (await asked(known.server(tmp_path, "127.0.0.2"), known.pem)).status == 503


@pytest.mark.parametrize("authorities", [None, authority().pem])
async def test_an_authority_that_is_not_known_is_refused(
    tmp_path: Path, authorities: str | None
) -> None:
    assert (await asked(authority().server(tmp_path, "127.0.0.1"), authorities)).status == 503


async def test_large_bodies_pass_over_tls_in_both_directions(tmp_path: Path) -> None:
    known = authority()

    async def script(peer: Peer) -> None:
        _, body = await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    async with (
        scripted(script, known.server(tmp_path, "127.0.0.1")) as upstream,
        proxying(upstream.url, known.pem) as port,
        connected(port) as client,
        asyncio.TaskGroup() as group,
    ):
        lines = (f"content-length: {len(LARGE)}",)
        group.create_task(client.send("POST", "/api/videos", *lines, body=LARGE))
        assert (await client.answer()).body == LARGE


async def test_our_other_clients_trust_the_same_authority(tmp_path: Path) -> None:
    known = authority()
    tls = known.server(tmp_path, "127.0.0.1")
    async with scripted(answering(OK), tls) as upstream:
        async with over_http(upstream.url, known.pem) as client:
            assert (await client.get("/health/ready")).text == "ok"
        async with over_http(upstream.url) as client:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await client.get("/health/ready")
