"""A real SMTP server on this machine, which can refuse, break off, ask for TLS and a password."""

import asyncio
import email
import ssl
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.loopback import free_port

USER, PASSWORD = "postman", "p@ss/word"


@dataclass
class MailServer:
    """What it took, and the answers it gives instead: each is given once."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    over_tls: list[bool] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    to_recipient: deque[str] = field(default_factory=deque)
    to_data: deque[str] = field(default_factory=deque)
    breaks_off: int = 0
    """How many messages it drops, with the connection, before it answers."""
    takes: asyncio.Event = field(default_factory=asyncio.Event)
    """Until it is set, messages are not answered."""
    receives: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_RCPT(  # noqa: N802 - the name of aiosmtpd's hook
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        """Take a recipient, or not."""
        if self.to_recipient:
            return self.to_recipient.popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the name of aiosmtpd's hook
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take a message, or not."""
        self.receives.set()
        await self.takes.wait()
        if self.breaks_off:
            self.breaks_off -= 1
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        if self.to_data:
            return self.to_data.popleft()
        content = envelope.content
        assert isinstance(content, bytes)
        message = email.message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.recipients += envelope.rcpt_tos
        self.over_tls.append(session.ssl is not None)
        return "250 OK"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Whether this is the user and the password."""
        right = isinstance(data, LoginPassword) and data == LoginPassword(
            USER.encode(), PASSWORD.encode()
        )
        if right:
            self.users.append(USER)
        return AuthResult(success=right, handled=right)


@asynccontextmanager
async def mail_server(
    *, tls: ssl.SSLContext | None = None, asks_for_password: bool = False
) -> AsyncIterator[MailServer]:
    """A server that listens; it offers STARTTLS with `tls`, and takes passwords only after it."""
    found = MailServer()
    found.takes.set()
    loop = asyncio.get_running_loop()

    def session() -> SMTP:
        return SMTP(
            found,
            hostname="mail.example.com",
            loop=loop,
            tls_context=tls,
            auth_required=asks_for_password,
            authenticator=found.authenticate,
        )

    server = await loop.create_server(session, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        await server.wait_closed()


@contextmanager
def mail_server_of_its_own() -> Iterator[MailServer]:
    """One in a thread, which answers while a test waits for a process."""
    found = MailServer(free_port())
    found.takes.set()
    controller = Controller(found, hostname="127.0.0.1", port=found.port)
    controller.start()
    try:
        yield found
    finally:
        controller.stop()
