"""`python -m jobs_service` serves; `migrate` and `check-ledger` do what they say."""

import sys

from jobs_service.credits.audit import check_ledger
from jobs_service.database import SCHEMA
from jobs_service.service import build
from jobs_service.settings import JobsSettings
from shared.http.clients import over_http
from shared.runtime.entry_point import main

if __name__ == "__main__":
    sys.exit(
        main(
            "jobs_service",
            JobsSettings,
            lambda settings, broker: build(settings, broker, auth=over_http(settings.auth_url)),
            schema=SCHEMA,
            commands={"check-ledger": check_ledger},
        )
    )
