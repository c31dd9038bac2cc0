"""Mails as messages (RFC 5322)."""

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from uuid import UUID

from auth_service.mail.rendering import Rendered

# Names and subjects of any script become encoded words (RFC 2047), and no value another header.
_POLICY = SMTP.clone(cte_type="7bit")


@dataclass(frozen=True, slots=True)
class Mail:
    """A letter on its way; the `id` is that of its row."""

    id: UUID
    template: str
    sender: Address
    recipient: str
    written_at: datetime
    language: str
    content: Rendered

    def as_message(self, *, readable: bool = False) -> EmailMessage:
        """With text and HTML.

        The Message-ID is always the same, so that a mail that is handed over a second time, after
        a crash, can be recognised. `readable` leaves the text as it is, for readers of the file.
        """
        message = EmailMessage(_POLICY)
        message["From"] = self.sender
        message["To"] = Address(addr_spec=self.recipient)
        message["Subject"] = self.content.subject
        message["Date"] = format_datetime(self.written_at)
        message["Message-ID"] = f"<{self.id}@{self.sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834, 5
        if readable:
            message.set_content(self.content.text, cte="8bit")
        else:
            message.set_content(self.content.text)
        message.add_alternative(self.content.html, subtype="html")
        message["Content-Language"] = self.language
        return message
