"""Writing letters; they leave once the transaction that wrote them has committed."""

from dataclasses import dataclass

import msgspec
from sqlalchemy import insert

from auth_service.box import Box
from auth_service.mail.domain import LIFETIME, Letter
from auth_service.tables import mails
from shared.clock import Clock
from shared.db.executor import Executor
from shared.ids import uuid7
from shared.security.principal import UserId

_ADD = insert(mails)


@dataclass(frozen=True, slots=True)
class WriteLetter:
    """Put a letter into the box that the postman empties."""

    box: Box
    clock: Clock

    async def __call__(self, tx: Executor, letter: Letter, user: UserId | None) -> None:
        """As a part of `tx`; `user` is whom it concerns, with whom it is erased."""
        now, letter_id = self.clock.now(), uuid7()
        row = {
            "id": letter_id,
            "user_id": user,
            "template": letter.template,
            "sealed": self.box.close(msgspec.json.encode(letter), letter_id.bytes),
            "due_at": now,
            "created_at": now,
            "expires_at": now + LIFETIME,
        }
        await tx.run(_ADD, row)
