"""Removes dead letters that tell of somebody who has been erased."""

import re
from collections.abc import Sequence
from uuid import UUID

from shared.db.aliases import erased_hashes, hash_of_id
from shared.db.database import Database
from shared.messaging.broker import Broker, DeadLetter, Subscription
from shared.messaging.event import encode
from shared.observability.logging import get_logger

log = get_logger(__name__)

SECONDS_BETWEEN_PURGES = 300.0
_MOST = 10_000
_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class PurgeDeadLetters:
    """Looks through what the subscriptions of one service have parked."""

    def __init__(
        self, database: Database, broker: Broker, subscriptions: Sequence[Subscription]
    ) -> None:
        self._database = database
        self._broker = broker
        self._names = [one.name for one in subscriptions]

    async def purge(self) -> int:
        """Forget every letter about somebody who was erased lately; how many."""
        erased, purged = await erased_hashes(self._database), 0
        if not erased:
            return 0
        for name in self._names:
            for letter in await self._broker.dead_letters(name, _MOST):
                if erased.intersection(_people_in(letter)):
                    purged += await self._broker.discard(name, letter.envelope.id)
        if purged:
            log.info("dead_letters_purged", letters=purged)
        return purged


def _people_in(letter: DeadLetter) -> set[bytes]:
    """Hashes of all ids that a letter names, whoever or whatever they are of."""
    said = encode(letter.envelope) + letter.reason.encode()
    return {hash_of_id(UUID(found.decode())) for found in _ID.findall(said)}
