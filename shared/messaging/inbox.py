"""The inbox: an event is handled in the transaction that remembers it, and so only once.

inbox = Inbox(database)
inbox.subscription("jobs.welcome-credits", "auth.user.registered", UserRegistered, welcome)
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from sqlalchemy import MetaData, text
from sqlalchemy.dialects.postgresql import insert

from shared.db.aliases import OwnerErased
from shared.db.away import DatabaseAway
from shared.db.database import Database, Transaction
from shared.messaging.broker import SubscriberAway, Subscription
from shared.messaging.event import Envelope
from shared.messaging.tables import inbox_table
from shared.observability.logging import get_logger

log = get_logger(__name__)

T = TypeVar("T", bound=msgspec.Struct)

_REMEMBER = insert(inbox_table(MetaData())).on_conflict_do_nothing()

# 14 days: far beyond any redelivery, and short enough that the table stays small.
_PRUNE = text("""
    DELETE FROM inbox WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM inbox WHERE handled_at < now() - interval '14 days' LIMIT 5000
    ))
""")
SECONDS_BETWEEN_PRUNINGS = 3600.0


class Inbox:
    """Turns typed handlers into subscriptions that handle each event once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def subscription(
        self,
        name: str,
        event_type: str,
        data: type[T],
        handle: Callable[[Transaction, T], Awaitable[None]],
        *,
        concurrency: int = 16,
    ) -> Subscription:
        """Run `handle` in one transaction with the inbox row.

        `data` is the consumer's own copy of the fields it needs; others are ignored. News about
        somebody who has been erased (`OwnerErased`) comes to nothing.
        """
        decoder = msgspec.json.Decoder(data)

        async def once(envelope: Envelope) -> None:
            event = decoder.decode(envelope.data)
            row = {"subscription": name, "event_id": envelope.id}
            try:
                async with self._database.transaction() as tx:
                    if await tx.run(_REMEMBER, row):
                        await handle(tx, event)
            except OwnerErased:
                log.info("event_about_the_erased", subscription=name, event_id=str(envelope.id))
            except DatabaseAway as away:
                raise SubscriberAway(f"The database of {name} is away: {away}") from away

        return Subscription(name, (event_type,), once, concurrency, self._database)


class InboxPruner:
    """Forgets what was handled long ago, so that the inbox does not grow for ever."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def prune(self) -> int:
        """Delete every row older than 14 days, a few at a time; how many there were."""
        total = 0
        while deleted := await self._database.run(_PRUNE):
            total += deleted
        return total
