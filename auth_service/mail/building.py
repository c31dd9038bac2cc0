"""Composes the postman."""

from auth_service.feature import Base
from auth_service.mail.carrier import Carrier
from auth_service.mail.console import ConsoleCarrier
from auth_service.mail.domain import REMEMBERED_FOR
from auth_service.mail.postman import Postman
from auth_service.mail.repository import Mails
from auth_service.mail.settings import MailSettings
from auth_service.mail.smtp import SmtpCarrier
from shared.runtime.feature import Feature
from shared.runtime.periodic import periodic
from shared.runtime.service import Component


def build(base: Base) -> Feature:
    """Mails leave for the mail server, or for a directory."""
    postman = Postman(
        base.database,
        base.box("mails"),
        carrier_of(base.settings),
        base.settings.sender,
        base.clock,
        base.letters,
    )
    mails = Mails(base.database)

    async def forget() -> None:
        while await mails.forget(base.clock.now() - REMEMBERED_FOR):
            pass

    return Feature(
        components=(
            Component("postman", postman.run),
            periodic("mail-pruner", REMEMBERED_FOR.total_seconds() / 2, forget),
        )
    )


def carrier_of(settings: MailSettings) -> Carrier:
    """Who takes the mails, by SMTP_URL."""
    server = settings.smtp_server
    return SmtpCarrier(server) if server else ConsoleCarrier(settings.mail_outbox)
