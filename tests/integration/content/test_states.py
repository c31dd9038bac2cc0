"""The states of a video: which statement leads from where to where, and that no other does.

`receiving → stored → probing → ready | rejected → expired`, and `deleted` from each.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import get_args
from uuid import UUID

import httpx
import msgspec
import pytest

from content_service.videos.domain import BEFORE, MediaFacts, Reason, State, Video, VideoId
from content_service.videos.prober import LEASE
from content_service.videos.repository import Videos
from tests.integration.content.world import World, upload

Step = Callable[[World, Video], Awaitable[object]]
STATES: tuple[State, ...] = get_args(State)
FACTS = MediaFacts(2.0, 64, 48, "h264", "aac", 10.0)


async def accept(world: World, video: Video) -> None:
    now = world.clock.now()
    await Videos(world.database).accept(
        video.id, title="a", content_type="video/mp4", size=1, sha256="", now=now, expires=now
    )


async def claim(world: World, video: Video) -> None:
    now = world.clock.now()
    await Videos(world.database).claim(now, now + LEASE)


async def give_back(world: World, video: Video) -> None:
    await Videos(world.database).give_back(video, world.clock.now(), 0)


async def make_ready(world: World, video: Video) -> None:
    await Videos(world.database).make_ready(video, FACTS, world.clock.now())


async def reject(world: World, video: Video) -> None:
    reason = Reason("not_media", "It is no video.")
    await Videos(world.database).reject(video, reason, world.clock.now())


async def expire(world: World, video: Video) -> None:
    await Videos(world.database).expire_due(world.clock.now())


async def delete(world: World, video: Video) -> None:
    await Videos(world.database).delete(video.owner_id, video.id, world.clock.now())


async def abandon(world: World, video: Video) -> None:
    await Videos(world.database).abandon(video.id, world.clock.now())


async def abandon_due(world: World, video: Video) -> None:
    await Videos(world.database).abandon_due(world.clock.now())


LEADS: dict[Step, tuple[State, set[State]]] = {
    accept: ("stored", {"receiving"}),
    claim: ("probing", {"stored", "probing"}),
    give_back: ("stored", {"probing"}),
    make_ready: ("ready", {"probing"}),
    reject: ("rejected", {"probing"}),
    expire: ("expired", {"stored", "probing", "ready", "rejected"}),
    delete: ("deleted", {"stored", "probing", "ready", "rejected", "expired"}),
    abandon: ("deleted", {"receiving"}),
    abandon_due: ("deleted", {"receiving"}),
}
"""What each step leads to, and from which states alone."""


@pytest.fixture
async def video(world: World, client: httpx.AsyncClient, good: Path) -> Video:
    """One that has been kept for longer than videos are."""
    found = await Videos(world.database).find(VideoId(UUID((await upload(client, good))["id"])))
    assert found is not None
    world.clock.advance(365 * 24 * 3600)
    return found


@pytest.mark.parametrize("step", LEADS, ids=lambda step: step.__name__)
async def test_a_step_leads_from_its_states_alone(world: World, video: Video, step: Step) -> None:
    target, sources = LEADS[step]
    for state in STATES:
        world.clock.advance(LEASE.total_seconds() + 1)
        await world.set_state(str(video.id), state)
        before = (await world.rows())[0]
        await step(world, msgspec.structs.replace(video, revision=before["revision"]))
        after = (await world.rows())[0]
        if state in sources:
            assert (after["state"], after["revision"]) == (target, before["revision"] + 1), state
        else:
            assert after == before, state


@pytest.mark.parametrize("step", [give_back, make_ready, reject], ids=lambda step: step.__name__)
async def test_a_claim_that_was_lost_leads_nowhere(world: World, video: Video, step: Step) -> None:
    await world.set_state(str(video.id), "probing")
    before = await world.rows()
    await step(world, msgspec.structs.replace(video, revision=before[0]["revision"] - 1))
    assert await world.rows() == before


def test_the_table_of_states_says_the_same() -> None:
    found: dict[State, set[State]] = {}
    for target, sources in LEADS.values():
        found[target] = found.get(target, set()) | sources
    found["rejected"].add("ready")  # by the reconciler, where the file is lost
    assert {state: set(before) for state, before in BEFORE.items()} == found
