"""Who takes mails from the postman: an SMTP server, or a directory."""

from typing import Protocol

from auth_service.mail.message import Mail


class NotNow(Exception):  # noqa: N818 - reads as what happened
    """The mail was not taken; it may be later. The text names no recipient."""


class Refused(Exception):  # noqa: N818 - reads as what happened
    """The mail will never be taken. The text names no recipient."""


class Carrier(Protocol):
    """Takes a mail, and with it the responsibility for it; may be asked for many at a time."""

    async def hand_over(self, mail: Mail) -> None:
        """Raises `NotNow` and `Refused`."""
        ...
