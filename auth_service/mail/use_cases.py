"""Writing letters; they leave once the transaction that wrote them has committed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from auth_service.mail.domain import LIFETIME, Letter
from auth_service.mail.repository import Mails
from shared.clock import Clock
from shared.db.database import Transaction
from shared.ids import uuid7
from shared.security.box import Box
from shared.security.principal import UserId


@dataclass(frozen=True, slots=True)
class WriteLetter:
    """Put a letter into the box that the postman empties; `wake` tells the one of this process."""

    box: Box
    clock: Clock
    wake: Callable[[], None]

    async def __call__(
        self,
        tx: Transaction,
        letter: Letter,
        user: UserId | None,
        lifetime: timedelta = LIFETIME,
    ) -> None:
        """As a part of `tx`; `user` is whom it concerns, with whom it is erased.

        After `lifetime` it is of no use any more, and not tried again.
        """
        mail = uuid7()
        sealed = self.box.close(msgspec.json.encode(letter), mail.bytes)
        await Mails(tx).add(mail, user, letter.template, sealed, self.clock.now(), lifetime)
        tx.once_committed(self.wake)
