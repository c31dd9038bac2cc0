"""Links in mails that prove an address: to confirm it, to reset a password, to change it."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from auth_service.tickets.domain import Purpose
from shared.errors import TooMany

LIFETIMES = {
    Purpose.VERIFY_EMAIL: timedelta(hours=24),
    Purpose.RESET_PASSWORD: timedelta(minutes=30),
    Purpose.CHANGE_EMAIL: timedelta(hours=1),
}
"""How long a link of each kind is good; the mails say so, too."""

PAGES = {
    Purpose.VERIFY_EMAIL: "verify-email",
    Purpose.RESET_PASSWORD: "reset-password",
    Purpose.CHANGE_EMAIL: "change-email",
}
"""The page to which a link of each kind leads."""


class TooManyMails(TooMany):
    """The caller has asked for a mail a moment ago, or too often within the hour."""

    code, title = "too_many_mails", "Too many mails were asked for"


@dataclass(frozen=True, slots=True)
class Links:
    """Links to pages under `pages_url`.

    The secret is in the fragment, which browsers send nowhere: it is in no log and no referrer,
    and programs that look at every link of a mail do not use it up.
    """

    pages_url: str

    def to(self, purpose: Purpose, token: str) -> str:
        """Where the holder of a ticket is to go."""
        return f"{self.pages_url}/{PAGES[purpose]}#token={quote(token, safe='')}"
