"""Procrastinate alone: tasks that do nothing, deferred one after the other.

DATABASE_URL comes from the environment:

    python bare_procrastinate.py defer TASKS    make the schema, defer so many
    python bare_procrastinate.py work           do them, then end
"""

import asyncio
import os
import sys
import uuid

from procrastinate import App, PsycopgConnector

app = App(connector=PsycopgConnector(conninfo=os.environ["DATABASE_URL"]))


@app.task(queue="bench")
async def nothing(job_id: str, owner: str) -> None:
    """The work of a task, were there none."""


async def defer(tasks: int) -> None:
    """One after the other, as requests come."""
    async with app.open_async():
        if not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()
        for _ in range(tasks):
            await nothing.defer_async(job_id=str(uuid.uuid4()), owner=str(uuid.uuid4()))


async def work() -> None:
    """Until nothing waits."""
    async with app.open_async():
        await app.run_worker_async(
            queues=["bench"], concurrency=16, wait=False, install_signal_handlers=False
        )


if __name__ == "__main__":
    asyncio.run(defer(int(sys.argv[2])) if sys.argv[1] == "defer" else work())
