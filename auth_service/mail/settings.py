"""How mails leave, and where the links in them lead."""

from email.errors import HeaderParseError
from email.headerregistry import Address, AddressHeader
from email.policy import default as email_policy
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from auth_service.mail.smtp import SmtpServer
from shared.settings import ProcessSettings, is_production

CONSOLE = "console:"
_PRODUCT = "Madang"
_PAGES = "/api/auth/pages"


class MailSettings(ProcessSettings):
    """The mail server, the sender, and the public addresses."""

    smtp_url: SecretStr = Field(
        SecretStr(CONSOLE),
        description="The mail server: smtp://user:password@host:587, with STARTTLS unless it is on "
        "this machine or ?tls=none follows, or smtps://user:password@host:465. With console: each "
        "mail is written to MAIL_OUTBOX instead; refused in production.",
    )
    mail_from: str | None = Field(
        None,
        description="The sender of mails: Name <address@example.com>; the name is that of your "
        "product, as mails and pages say it. Needed with an SMTP server.",
    )
    mail_outbox: Path = Field(
        Path("/tmp/madang-mail"),  # noqa: S108 - its owner is checked
        description="The directory for mails with SMTP_URL=console:; each is an .eml file.",
    )
    public_url: str | None = Field(
        None,
        description="Where browsers reach the gateway, such as https://api.example.com; the links "
        "in mails begin with it. http://127.0.0.1:8000 when left out; needed in production.",
    )
    account_pages_url: str | None = Field(
        None,
        description="Where your own pages verify-email, reset-password and change-email are, if "
        "you do not want ours: https://app.example.com/account.",
    )

    @field_validator("smtp_url")
    @classmethod
    def _check_smtp_url(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        url = value.get_secret_value()
        if url != CONSOLE:
            SmtpServer.parsed(url)
        elif is_production(info):
            raise ValueError(
                "console: sends no mail and is refused when ENVIRONMENT is production; it must be "
                "smtp://user:password@host:587 or smtps://user:password@host:465"
            )
        return value

    @field_validator("mail_from")
    @classmethod
    def _check_sender(cls, value: str | None, info: ValidationInfo) -> str | None:
        url = info.data.get("smtp_url")
        if value is not None:
            address_in(value)
        elif url is not None and url.get_secret_value() != CONSOLE:
            raise ValueError(
                "it is missing; with an SMTP server it must be the sender of mails, such as "
                "Madang <no-reply@example.com>"
            )
        return value

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and is_production(info):
            raise ValueError(
                "it is missing; in production it must be where browsers reach the gateway, such "
                "as https://api.example.com"
            )
        return _web_address(value, info)

    @field_validator("account_pages_url")
    @classmethod
    def _check_pages_url(cls, value: str | None, info: ValidationInfo) -> str | None:
        return _web_address(value, info)

    @property
    def smtp_server(self) -> SmtpServer | None:
        """The mail server; None for the console."""
        url = self.smtp_url.get_secret_value()
        return None if url == CONSOLE else SmtpServer.parsed(url)

    @property
    def sender(self) -> Address:
        """Whom mails are from; its display name is the product's."""
        if self.mail_from is None:
            return Address(_PRODUCT, "no-reply", "localhost")
        found = address_in(self.mail_from)
        return Address(found.display_name or _PRODUCT, found.username, found.domain)

    @property
    def pages_url(self) -> str:
        """Under which the pages are that links in mails lead to."""
        public = self.public_url or "http://127.0.0.1:8000"
        return self.account_pages_url or f"{public}{_PAGES}"


def address_in(text: str) -> Address:
    """The one address in a header's text; raises ValueError."""
    wrong = ValueError(f"{text!r} is no sender such as Madang <no-reply@example.com>")
    try:
        header = email_policy.header_factory("from", text)
    except (HeaderParseError, ValueError):
        raise wrong from None
    if not isinstance(header, AddressHeader) or len(header.addresses) != 1:
        raise wrong
    address: Address = header.addresses[0]
    if not address.username or not address.domain or not text.isprintable():
        raise wrong
    return address


def _web_address(value: str | None, info: ValidationInfo) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        right = False
    if not right or parts.query or parts.fragment or parts.username or not value.isprintable():
        raise ValueError(f"{value!r} is no address such as https://api.example.com")
    if is_production(info) and parts.scheme != "https":
        raise ValueError(f"{value!r} must begin with https:// when ENVIRONMENT is production")
    return value.rstrip("/")
