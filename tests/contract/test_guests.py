"""What guests may not do is what the documentation says."""

import json
import re
from pathlib import Path

from deploy.reference.composed import Process
from shared.security.access import AccountRequired

PAGE = Path(__file__).parents[2] / "docs" / "accounts" / "guests.md"
SERVICES = ("auth_service", "content_service", "jobs_service")


async def refused(processes: dict[str, Process]) -> list[str]:
    """Every call that refuses guests, as `GET /path`."""
    found = []
    for name in SERVICES:
        for path, calls in (await processes[name].openapi())["paths"].items():
            for method, call in calls.items():
                if AccountRequired.code in json.dumps(call["responses"].get("403", {})):
                    found.append(f"{method.upper()} {path}")
    return sorted(set(found), key=lambda call: call.split()[::-1])


async def test_the_page_names_every_call_that_refuses_guests(
    processes: dict[str, Process],
) -> None:
    written = PAGE.read_text().partition("<!-- refused")[2].partition("\n## ")[0]
    assert re.findall(r"^- `([A-Z]+ \S+)`$", written, re.MULTILINE) == await refused(processes)
