"""`python -m jobs_service` serves; with `migrate` it brings its schema up to date."""

import sys

import httpx

from jobs_service.service import SCHEMA, build
from jobs_service.settings import JobsSettings
from shared.runtime.entry_point import main

if __name__ == "__main__":
    sys.exit(
        main(
            "jobs_service",
            JobsSettings,
            lambda settings, broker: build(
                settings, broker, auth=httpx.AsyncClient(base_url=settings.auth_url)
            ),
            schema=SCHEMA,
        )
    )
