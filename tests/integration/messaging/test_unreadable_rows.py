"""A row of the outbox that is no event, such as one by hand or of a newer version."""

from sqlalchemy import text
from structlog.testing import capture_logs

from shared.db.database import Database
from shared.messaging.in_process import InProcessBroker
from shared.messaging.relay import Relay
from tests.support.messaging import count, eventually, running

_UNREADABLE = text(
    "INSERT INTO outbox (id, envelope, due_at)"
    """ VALUES (gen_random_uuid(), '{"type": "tests.counted"}', now())"""
)


async def test_it_is_postponed_and_told_and_the_relay_goes_on(messaging_database: Database) -> None:
    await messaging_database.run(_UNREADABLE)
    broker = InProcessBroker()

    async def tried(times: int) -> bool:
        row = await messaging_database.one(text("SELECT attempts FROM outbox"))
        return row is not None and row.attempts == times

    with capture_logs() as logs:
        async with running(broker, Relay(messaging_database, broker)):
            await eventually(lambda: tried(2), 15)
    assert await count(messaging_database, "outbox") == 1
    (told,) = [one for one in logs if one["event"] == "event_postponed"]
    assert "missing required field" in told["error"]
