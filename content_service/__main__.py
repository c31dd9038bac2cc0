"""`python -m content_service` serves; `migrate` and `reconcile` do what they say."""

import sys

from content_service.reconciling.commands import reconcile
from content_service.service import SCHEMA, build
from content_service.settings import ContentSettings
from shared.http.clients import over_http
from shared.runtime.entry_point import main

if __name__ == "__main__":
    sys.exit(
        main(
            "content_service",
            ContentSettings,
            lambda settings, broker: build(settings, broker, auth=over_http(settings.auth_url)),
            schema=SCHEMA,
            commands={"reconcile": reconcile},
        )
    )
