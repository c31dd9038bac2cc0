"""Every generated file of the project."""

import json

from deploy.reference.composed import composed
from deploy.reference.errors import errors_page
from deploy.reference.events import events_page
from deploy.reference.settings import settings_page


async def generated() -> dict[str, str]:
    """What should stand in each file, by its path in the project."""
    async with composed() as processes:
        openapi = await processes["gateway"].openapi()
        events = events_page(processes)
    return {
        "docs/reference/settings.md": settings_page(),
        "docs/reference/events.md": events,
        "docs/reference/errors.md": errors_page(),
        "gateway/openapi.json": json.dumps(openapi, indent=2, ensure_ascii=False) + "\n",
    }
