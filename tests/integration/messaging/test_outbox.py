import msgspec
import pytest
from sqlalchemy import text

from shared.db.database import Database
from shared.messaging.event import Envelope, decode
from shared.observability import context
from tests.support.messaging import Counted, count


class Renamed(Counted, frozen=True):
    TYPE = "tests.number.renamed"
    VERSION = 3
    MUST_BE_HEARD = False


async def _envelopes(database: Database) -> list[Envelope]:
    rows = await database.all(text("SELECT envelope FROM outbox ORDER BY id"))
    return [decode(row.envelope.encode()) for row in rows]


async def test_a_commit_leaves_every_announced_event_in_the_outbox_in_order(
    messaging_database: Database,
) -> None:
    async with messaging_database.transaction() as tx:
        for number in range(5):
            tx.announce(Counted(number))
    assert [one.subject for one in await _envelopes(messaging_database)] == list("01234")


async def test_a_rollback_leaves_nothing(messaging_database: Database) -> None:
    async def fail() -> None:
        async with messaging_database.transaction() as tx:
            tx.announce(Counted(1))
            raise RuntimeError("the use case fails")

    with pytest.raises(RuntimeError):
        await fail()
    assert await count(messaging_database, "outbox") == 0


async def test_the_envelope_is_a_cloud_event(messaging_database: Database) -> None:
    async with messaging_database.transaction() as tx:
        tx.announce(Renamed(4))
    row = await messaging_database.one(text("SELECT id, envelope FROM outbox"))
    assert row is not None
    raw = msgspec.json.decode(row.envelope)
    assert (
        raw.items()
        >= {
            "specversion": "1.0",
            "id": str(row.id),
            "source": "scratch",
            "type": "tests.number.renamed",
            "subject": "4",
            "dataschema": "tests.number.renamed/v3",
            "datacontenttype": "application/json",
            "data": {"number": 4},
            "mustbeheard": False,
        }.items()
    )
    assert row.id.version == 7
    assert all(name.isalnum() and name.islower() for name in raw)


async def test_the_envelope_carries_the_request_and_its_trace(
    messaging_database: Database,
) -> None:
    context.bind("request-9", f"00-{'ab' * 16}-{'cd' * 8}-01")
    async with messaging_database.transaction() as tx:
        tx.announce(Counted(1))
    (envelope,) = await _envelopes(messaging_database)
    assert envelope.request_id == "request-9"
    assert envelope.traceparent == context.traceparent.get()
    assert envelope.traceparent.startswith(f"00-{'ab' * 16}-")


async def test_listeners_are_woken_by_a_commit_with_events_only(
    messaging_database: Database,
) -> None:
    woken: list[int] = []
    messaging_database.on_announced(lambda _: woken.append(1))
    async with messaging_database.transaction():
        pass
    assert woken == []
    async with messaging_database.transaction() as tx:
        tx.announce(Counted(1))
        assert woken == []
    assert woken == [1]
