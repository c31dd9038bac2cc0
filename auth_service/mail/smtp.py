"""The mail server that takes our mails (RFC 5321)."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from auth_service.mail.carrier import NotNow, Refused
from auth_service.mail.message import Mail

_SECONDS_A_STEP = 20.0
"""For the connection, and for each command."""
_NOT_SIGNED_IN = (530, 534, 535, 538)
"""Not this mail's fault (RFC 4954, 6)."""
_PORTS = {"smtp": 587, "smtps": 465}
FORM = "smtp://user:password@host:587 (with STARTTLS), smtps://user:password@host:465, or console:"


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where it is and how to sign in: made by `parsed` alone."""

    host: str
    port: int
    user: str | None
    password: str | None
    tls_at_once: bool
    starts_tls: bool

    @classmethod
    def parsed(cls, url: str) -> "SmtpServer":
        """From an SMTP_URL; raises ValueError, which says what would be right."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError(f"it must have the form {FORM}") from None
        options = parse_qs(parts.query, keep_blank_values=True)
        tls = options.pop("tls", [None])[-1]
        if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(f"it must have the form {FORM}")
        if options or parts.fragment or tls not in (None, "none", "required"):
            raise ValueError("it may end with ?tls=none or ?tls=required and nothing else")
        if parts.scheme == "smtps" and tls == "none":
            raise ValueError("smtps:// is TLS; write smtp://…?tls=none for a connection without")
        if (parts.username is None) != (parts.password is None):
            raise ValueError("it must name both a user and a password, or neither")
        at_once = parts.scheme == "smtps"
        wants_tls = tls == "required" or (tls is None and not _is_loopback(parts.hostname))
        return cls(
            parts.hostname,
            port or _PORTS[parts.scheme],
            unquote(parts.username) if parts.username is not None else None,
            unquote(parts.password) if parts.password is not None else None,
            at_once,
            wants_tls and not at_once,
        )


class SmtpCarrier:
    """Hands mails over to a mail server, with a connection each."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server

    async def hand_over(self, mail: Mail) -> None:
        """Raises `Refused` when the server will never take this mail, else `NotNow`.

        A server that lets us not sign in, or offers no TLS where it must, is a mistake of the
        settings: no mail is lost to it, and none goes over the open line.
        """
        try:
            await self._send(mail)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            first = refused.recipients[0]
            raise _judged(first) from None
        except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError) as refused:
            raise _judged(refused) from None
        except aiosmtplib.SMTPResponseException as answer:
            raise NotNow(_told(answer)) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise NotNow(f"{type(error).__name__}: {error}") from error

    async def _send(self, mail: Mail) -> None:
        server = self._server
        await aiosmtplib.send(
            mail.as_message(),
            sender=mail.sender.addr_spec,
            recipients=[mail.recipient],
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.tls_at_once,
            start_tls=server.starts_tls,
            local_hostname=mail.sender.domain,
            timeout=_SECONDS_A_STEP,
        )


def _judged(answer: aiosmtplib.SMTPResponseException) -> NotNow | Refused:
    # 4yz is for now, 5yz for good (RFC 5321, 4.2.1)
    for_good = 500 <= answer.code < 600 and answer.code not in _NOT_SIGNED_IN
    return Refused(_told(answer)) if for_good else NotNow(_told(answer))


def _told(answer: aiosmtplib.SMTPResponseException) -> str:
    # without the server's text, which may repeat the address
    return f"{type(answer).__name__} {answer.code}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
