"""What makes the short cache forget: the events that change what everybody may read."""

from gateway.cache.cache import Cache
from shared.messaging.broker import Broadcast
from shared.messaging.event import Envelope

PURGING = (
    "content.post.published",
    "content.post.updated",
    "content.post.deleted",
    "content.comment.published",
    "content.comment.updated",
    "content.comment.deleted",
    "content.reaction.changed",
)
"""Each purges everything. A post stands in lists, in searches and in the counts of tags, and only
content knows in which; what is purged in vain costs one shared request for each address."""


def purging(cache: Cache) -> Broadcast:
    """The subscription that keeps `cache` current; what was missed while away may have changed
    anything."""

    async def heard(_: Envelope) -> None:
        cache.purge()

    async def caught_up() -> None:
        cache.purge()

    return Broadcast("gateway.cache", PURGING, heard, caught_up)
