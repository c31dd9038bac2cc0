"""What runs here."""

from importlib import metadata

import msgspec

from gateway.info import Features, Info, InfoPage
from gateway.local import read_only
from shared.version import VERSION
from tests.support.gateway import everywhere, gateway
from tests.unit.gateway.client import client_of, echo


async def test_info_tells_name_version_environment_and_features() -> None:
    features = Features(docs=True, mock=False, realtime=True, cache=False)
    page = InfoPage(Info("madang", VERSION, "staging", features)).page
    own = {"/api/info": read_only(page)}
    async with client_of(gateway(everywhere(echo), own=own)) as client:
        answer = await client.get("/api/info/")
        wrong = await client.post("/api/info")
    assert answer.json() == {
        "name": "madang",
        "version": VERSION,
        "environment": "staging",
        "features": msgspec.to_builtins(features),
    }
    assert wrong.status_code == 405


def test_the_package_has_the_version_that_is_told() -> None:
    assert metadata.version("madang") == VERSION
