"""A directory in place of a mail server, for development: each mail is a file to open."""

import asyncio
import os
from email.policy import EmailPolicy
from pathlib import Path

from auth_service.mail.carrier import NotNow
from auth_service.mail.message import Mail
from shared.observability.logging import get_logger

log = get_logger(__name__)

_POLICY = EmailPolicy(cte_type="8bit")


class ConsoleCarrier:
    """Writes mails to `outbox`, readable by this user alone, and says on the log which."""

    def __init__(self, outbox: Path) -> None:
        self._outbox = outbox

    async def hand_over(self, mail: Mail) -> None:
        """Raises `NotNow` when the directory cannot be written to."""
        try:
            path = await asyncio.to_thread(self._write, mail)
        except OSError as error:
            raise NotNow(f"MAIL_OUTBOX: {error}") from error
        # a warning, since nobody gets it otherwise
        log.warning("mail_waits_in_outbox", template=mail.template, file=str(path))

    def _write(self, mail: Mail) -> Path:
        self._outbox.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._outbox.stat().st_uid != os.geteuid():
            raise PermissionError(f"{self._outbox} belongs to another user")
        # the same name for the same mail; ids sort by their time
        path = self._outbox / f"{mail.id}-{mail.template}.eml"
        unfinished = path.with_suffix(".part")
        with open(unfinished, "wb", opener=_private) as file:
            file.write(mail.as_message(readable=True).as_bytes(policy=_POLICY))
        return unfinished.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
