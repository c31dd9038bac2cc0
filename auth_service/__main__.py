"""`python -m auth_service` serves; `python -m auth_service migrate` migrates its schema."""

import sys

from auth_service.service import SCHEMA, build
from auth_service.settings import AuthSettings
from shared.http.clients import over_http
from shared.messaging.broker import Broker
from shared.runtime.entry_point import main
from shared.runtime.service import Service


def with_peers(settings: AuthSettings, broker: Broker) -> Service:
    """The service, with the others at their addresses."""
    peers = {
        "content": over_http(settings.content_url),
        "jobs": over_http(settings.jobs_url),
    }
    return build(settings, broker, peers=peers)


if __name__ == "__main__":
    sys.exit(main("auth_service", AuthSettings, with_peers, schema=SCHEMA))
